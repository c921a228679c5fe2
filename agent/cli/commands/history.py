"""`parley history`: the conversations that were kept."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.cli.options import add_config

if TYPE_CHECKING:
    from agent.conversation.store import Conversation, Entry

WIDTH = 60
"""Characters of a conversation's first words in the list."""


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
    from agent.conversation.store import conversations, read
    from agent.errors import ParleyError

    session = SessionSettings(save=args.dir) if args.dir else load_config(args.config).session
    if session.folder is None:
        raise ParleyError("no conversations are kept: set session.save to a folder, or give --dir")
    if args.id is not None:
        print("\n".join(_lines(read(session.folder, args.id))))
        return 0
    found = [_summary(each) for each in conversations(session.folder)]
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
    match entry.type:
        case "begun" | "resumed":
            return f"-- {entry.type} {entry.time:%A, %d %B %Y} --"
        case "assistant":
            return f"agent: {entry.text}{' [interrupted]' if entry.data.get('interrupted') else ''}"
        case "taken_up":
            return "-- that reply went on --"
        case "aside":
            return f"user:  ({entry.text})"
        case "tool":
            name, arguments = entry.data.get("name"), entry.data.get("arguments") or ""
            return f"tool:  {name} {arguments} -> {entry.text}"
        case _:
            return f"{entry.type}:  {entry.text}"
