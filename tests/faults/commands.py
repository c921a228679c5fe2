"""Every command of `parley`, from its parser: a new one is in every test that asks for them."""

import argparse
from collections.abc import Iterator

from agent.cli import main as cli


def leaf_commands() -> list[str]:
    """The commands that do something, such as `talk` and `voice play`."""
    return [" ".join(words) for words in _leaves(cli._parser([]))]


def _leaves(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield ()
    for action in below:
        for name, inner in action.choices.items():
            for rest in _leaves(inner):
                yield (name, *rest)


def options_of(words: list[str]) -> list[str]:
    """The options of a command, given by its words."""
    parser: argparse.ArgumentParser = cli._parser([])
    for word in words:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                parser = action.choices[word]
    return [option for action in parser._actions for option in action.option_strings]
