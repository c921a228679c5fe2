"""The command line: what every command has in common; each is a module of `agent.cli.commands`.

A command module offers `add(subparsers)`, which describes it and sets `run`, and imports what it
needs inside `run`: the command line itself must start at once.
"""

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from agent.cli.ending import signals
from agent.cli.streams import discard, guarded, open_standard_streams
from agent.errors import did_you_mean, leaves_of
from agent.guards.secrets import learn_environment
from agent.shadowing import strangers

COMMANDS = (
    *("talk", "chat", "run", "ctl", "serve", "satellite", "say", "transcribe", "history", "voice"),
    *("test", "setup", "demo", "devices", "doctor", "config", "install-service"),
    "bench-server",
)
"""The commands in the order of the help, each a module of `agent.cli.commands`."""

CONVERSATIONS = ("talk", "chat", "run", "serve", "satellite", "say")
"""Commands that Ctrl-C ends as intended."""


class Parser(argparse.ArgumentParser):
    """A parser that takes `--debug`, as do all its sub-commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of an error, and the log of llama.cpp",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the status is 0, or 1 after an error, told in a line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character shows another one.
        sys.stdout.reconfigure(errors="replace")
    learn_environment(os.environ)
    with guarded(), signals(), _log_of_adapters(debug="--debug" in arguments):
        try:
            try:
                status = _run(arguments)
            finally:
                sys.stdout.flush()
        except BaseException as error:
            failure = _failure(error, _named(arguments), debug="--debug" in arguments)
            if failure is None:
                raise
            return failure
    return status


@contextmanager
def _log_of_adapters(*, debug: bool) -> Iterator[None]:
    """Have the language models' adapters log everything in the block, if `debug`."""
    logger = logging.getLogger("llm_adapters")
    before = logger.level
    logger.setLevel(logging.DEBUG if debug else before)
    try:
        yield
    finally:
        logger.setLevel(before)


def _run(arguments: Sequence[str]) -> int:
    parser = _parser(arguments)
    args = parser.parse_args(arguments)
    if args.version:
        from importlib.metadata import version

        from tts.extras import NAME

        print(f"parley {version(NAME)}")
        return 0
    if args.command is None:
        parser.print_help()
        return 0
    if args.command != "doctor":  # which tells more of them
        for stranger in strangers(sys.path):
            if stranger.first:
                print(f"parley: {stranger}", file=sys.stderr)
    status: int = args.run(args)
    return status


def _named(arguments: Sequence[str]) -> str | None:
    """The command, or the word in its place."""
    return next((word for word in arguments if not word.startswith("-")), None)


def _parser(arguments: Sequence[str]) -> Parser:
    parser = Parser(
        prog="parley",
        usage="parley [-h] [--debug] [--version] COMMAND ...",
        description="Talk with your computer, in real time.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    # As wide as the longest name and its indent, which argparse forgets when it makes columns.
    metavar = f"{'COMMAND':{max(map(len, COMMANDS)) + 2}}"
    subparsers = parser.add_subparsers(
        dest="command", metavar=metavar, title="commands", prog="parley"
    )
    command = _named(arguments)
    # Only the help without a command needs them all.
    for name in [command] if command in COMMANDS else COMMANDS:
        import_module(f"agent.cli.commands.{name.replace('-', '_')}").add(subparsers)
    if command is not None and command not in COMMANDS:
        hint = did_you_mean(command, COMMANDS, f", there are {', '.join(COMMANDS)}")
        parser.error(f"unknown command '{command}'{hint}")
    return parser


def _failure(error: BaseException, command: str | None, *, debug: bool) -> int | None:
    """Tell what went wrong and give the exit status; None for what is no failure of ours."""
    leaves = list(leaves_of(error))
    if any(isinstance(leaf, SystemExit | GeneratorExit) for leaf in leaves):
        return None
    if all(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return 0 if command in CONVERSATIONS else 130
    if debug:
        import traceback

        traceback.print_exception(error)
        return 1
    if all(isinstance(_origin(leaf), BrokenPipeError) for leaf in leaves):
        discard(sys.stdout)  # nobody reads it any more
        return 1
    # The same failure may have come up in several tasks: each message once.
    for line in dict.fromkeys(line for leaf in leaves for line in _lines(leaf)):
        print(f"parley: {line}", file=sys.stderr)
    return 1


def _origin(error: BaseException) -> BaseException:
    """What a stage of a graph raised, or the error itself."""
    from agent.errors import StageError

    return (error.__cause__ or error) if isinstance(error, StageError) else error


def _lines(error: BaseException) -> list[str]:
    """An error that was raised for people is its own message; one about a file names that.

    Any other one is a defect.
    """
    from agent.errors import ParleyError
    from llm_adapters import LanguageModelError
    from stt import SpeechToTextError
    from tts import TextToSpeechError

    expected = (ParleyError, LanguageModelError, SpeechToTextError, TextToSpeechError)
    if isinstance(error, expected) and isinstance(_origin(error), expected):
        return str(error).split("\n")
    if isinstance(error, KeyboardInterrupt):
        return []
    cause = _origin(error)
    if isinstance(cause, OSError) and cause.filename is not None:
        # Whoever named the file knows it: it was too long a name, or a disk that went.
        return [f"{cause.filename}: {cause.strerror or cause}"]
    message = " ".join(str(error).split())
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return [f"unexpected {what} (run again with --debug for the traceback)"]
