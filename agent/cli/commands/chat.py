"""`parley chat`: the conversation in writing, at a terminal or through a pipe."""

import argparse
import os
import sys
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from agent.cli import ending
from agent.cli.lines import LONGEST, lines, too_long
from agent.cli.options import add_set
from agent.cli.output import warn
from agent.cli.stdin import read_text
from agent.cli.written import JsonPage, PlainPage, TerminalPage, writing
from agent.config.load import Config, load_config

PROMPT = "> "


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("chat", help="write with an agent, or pipe text to it")
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name (default: yours, else offline)"
    )
    add_set(parser)
    parser.add_argument(
        "--json", action="store_true", help="print every event as a line of JSON, and no prompt"
    )
    parser.add_argument(
        "--events",
        metavar="FILE",
        type=Path,
        help="write the event log there; what is there already stays, and the new one has a "
        "number in its name",
    )
    parser.add_argument(
        "--resume",
        metavar="ID",
        help="go on with a conversation that was kept (session.save): its id, or 'last'",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write until the input ends; the status is 1 when an answer from a pipe failed."""
    config = load_config(args.config, args.set)
    options = {"events": args.events, "resume": args.resume}
    if sys.stdin.isatty() and sys.stdout.isatty() and not args.json:
        _at_terminal(config, options)
        return 0
    return ending.run(partial(_from_pipe, config, options, json=args.json))


async def _from_pipe(config: Config, options: dict[str, Any], *, json: bool) -> int:
    """Every line of stdin is a turn; each waits for the answer to the one before."""
    page = JsonPage() if json else PlainPage()

    def refuse(why: str) -> None:
        page.failed = True
        warn(why)

    async with (
        writing(config, page, **options) as conversation,
        aclosing(read_text()) as text,
        aclosing(lines(text, refuse)) as typed,
    ):
        async for line in typed:
            await conversation.ask(line)
            await page.rested()
    return 1 if page.failed else 0


def _at_terminal(config: Config, options: dict[str, Any]) -> None:
    """Lines are edited by readline, which wants the main thread; the conversation has another.

    Ctrl-C at the prompt drops the line, and otherwise stops the answer.
    """
    from anyio.from_thread import start_blocking_portal

    with suppress(ImportError):  # Windows edits lines itself
        import readline  # noqa: F401  (`input` uses it)
    page = TerminalPage(config.agent.name, _draw_line)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(writing(config, page, **options)) as conversation,
    ):
        while (line := _typed(page)) is not None:
            if len(line) > LONGEST:
                warn(too_long())
                continue
            answer = portal.start_task_soon(conversation.ask, line)
            stopped = False
            while not answer.done():
                try:
                    answer.result()
                except KeyboardInterrupt:
                    if stopped or ending.asked():
                        raise
                    stopped = True
                    portal.call(conversation.interrupt)


def _typed(page: TerminalPage) -> str | None:
    """The next line with something in it; None at the end of the input, Ctrl-D."""
    while True:
        page.typing = True
        try:
            if line := input(PROMPT).strip():
                return line
        except EOFError:
            print()
            return None
        except KeyboardInterrupt:
            if ending.asked():
                raise
            print()
        finally:
            page.typing = False


def _draw_line() -> None:
    """Draw the line that is being typed anew: its place on the terminal has been written over."""
    try:
        import ctypes
        import readline

        # Python does not offer what readline has for this; the main thread waits for a key.
        library = ctypes.CDLL(readline.__file__)
        library.rl_on_new_line()
        library.rl_forced_update_display()
    except (ImportError, OSError, AttributeError):  # another library edits the line
        os.write(1, PROMPT.encode())
