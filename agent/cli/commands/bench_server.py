"""`parley bench-server`: how many can talk with a server at once, and how it is for them."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import ending
from agent.cli.commands.serve import KEY, check_installed
from agent.cli.options import whole
from agent.errors import ParleyError

if TYPE_CHECKING:
    from agent.load_test.run import LoadTest


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("bench-server", help="talk with a server, as many users at once")
    parser.add_argument("url", metavar="URL", help="such as http://127.0.0.1:8765")
    parser.add_argument(
        "--conversations",
        type=whole(1, 1000),
        default=5,
        metavar="N",
        help="at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--turns",
        type=whole(1, 1000),
        default=5,
        metavar="N",
        help="of each conversation (default: %(default)s)",
    )
    parser.add_argument(
        "--speech",
        type=Path,
        action="append",
        metavar="FILE",
        help="a recording of one sentence, that users say, in place of an English question (as "
        "often as you like)",
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write a PNG there")
    parser.add_argument("--api-key", metavar="KEY", help=f"the server's; better in ${KEY}")
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="trust this certificate, that you have made"
    )
    parser.add_argument(
        "--remote", action="store_true", help="the server is on another computer, and is yours"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Test: 0 if every turn was answered, 1 if not. Raises ParleyError."""
    check_installed()
    from agent.load_test.figures import Figures
    from agent.load_test.picture import can_draw, draw
    from agent.load_test.run import LoadTest
    from agent.load_test.speech import sentence
    from agent.load_test.target import Target
    from agent.server.security import is_loopback
    from configs import QUESTION

    if args.picture is not None:
        can_draw()
        _check_writable(args.picture)
    key = args.api_key or os.environ.get(KEY, "").partition(",")[0].strip()
    target = Target(args.url, key=key, certificate=args.tls_cert)
    if not args.remote and not is_loopback(target.host):
        raise ParleyError(
            f"{target.host} is another computer, and this keeps it busy so that others wait: add "
            "--remote if it is yours"
        )
    sentences = [sentence(path) for path in args.speech or (QUESTION,)]
    test = LoadTest(target, args.conversations, args.turns, sentences)
    try:
        ending.run(partial(_run, test))
    finally:
        if test.callers:
            _show(test)
            if args.picture is not None:
                draw(test, args.picture)
                print(f"picture   {args.picture}")
    return 1 if Figures(test).failures() else 0


def _check_writable(path: Path) -> None:
    """Raise ParleyError before the test if the picture could not be written after it."""
    if not path.parent.is_dir():
        raise ParleyError(f"{path.parent} is no folder: the picture cannot be written there")
    if path.is_dir():
        raise ParleyError(f"{path} is a folder: name a file for the picture")


async def _run(test: "LoadTest") -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    from agent.cli.console import SafeConsole

    columns = (BarColumn(), MofNCompleteColumn(), "turns", TimeElapsedColumn())
    console = SafeConsole(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=test.conversations * test.turns)
        await test.run(partial(bar.advance, task))


def _show(test: "LoadTest") -> None:
    from agent.cli.console import SafeConsole
    from agent.load_test.figures import Figures

    figures = Figures(test)
    console = SafeConsole(wrap=False)
    console.print(figures.table())
    for line in figures.lines():
        console.print(line)
    sys.stdout.flush()
