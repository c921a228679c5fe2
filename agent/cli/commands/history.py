"""`parley history`: the conversations that were kept."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.cli.options import add_config
from agent.cli.output import warn

if TYPE_CHECKING:
    from agent.conversation.kept import Conversation, Entry

WIDTH = 60
"""Characters of a conversation's first words in the list."""

DAMAGED = 1000
"""Characters that are shown of a damaged line: it may be anything."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("history", help="list and show the conversations that were kept")
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="show this one: its id, the beginning of it, or 'last'"
    )
    add_config(parser, ": whose session.save")
    parser.add_argument("--dir", metavar="DIR", help="another folder with conversations")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list, or one conversation. Raises ParleyError or ConfigError."""
    from agent.config.load import load_config
    from agent.config.sections import SessionSettings
    from agent.conversation.kept import conversations, files, read
    from agent.errors import ParleyError
    from agent.guards.files import keep_private

    session = (
        SessionSettings(save=args.dir) if args.dir else load_config(args.config, args.set).session
    )
    if session.folder is None:
        raise ParleyError("no conversations are kept: set session.save to a folder, or give --dir")
    if kept := files(session.folder):
        keep_private(session.folder, kept, lambda _code, message, _recovered: warn(message))
    if args.id is not None:
        conversation = read(session.folder, args.id, warn)
        if damaged := sum(entry.type == "damaged" for entry in conversation.entries):
            warn(f"damaged lines in {conversation.id}, shown as they are: {damaged}")
        print("\n".join(_lines(conversation)))
        return 0
    found = [_summary(each) for each in conversations(session.folder, warn)]
    print("\n".join(found) or f"no conversations in {session.folder} yet")
    return 0


def _summary(conversation: "Conversation") -> str:
    """A line: the id, how many turns, and what the user said first."""
    said = [entry.text for entry in conversation.entries if entry.type == "user"]
    first = said[0] if said else ""
    first = first if len(first) <= WIDTH else first[: WIDTH - 1] + "…"
    turns = f"{len(said)} turn{'' if len(said) == 1 else 's'}"
    return f"{conversation.id:20}  {turns:>9}  {first}".rstrip()


def _lines(conversation: "Conversation") -> Iterator[str]:
    for entry in conversation.entries:
        yield f"{entry.time:%H:%M:%S}  {_line(entry)}"


def _line(entry: "Entry") -> str:
    text, data = entry.text, entry.data
    match entry.type:
        case "begun" | "resumed":
            line = f"-- {entry.type} {entry.time:%A, %d %B %Y} --"
        case "damaged":
            line = f"-- damaged: {text[:DAMAGED]} --"
        case "assistant":
            line = f"agent: {text}{' [interrupted]' if data.get('interrupted') else ''}"
        case "taken_up":
            line = "-- that reply went on --"
        case "aside":
            line = f"user:  ({text})"
        case "tool":
            line = f"tool:  {data.get('name')} {data.get('arguments') or ''} -> {text}"
        case _:
            line = f"{entry.type}:  {text}"
    return line
