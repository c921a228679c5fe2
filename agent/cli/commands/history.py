"""`parley history`: the conversations that were kept."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.options import add_config
from agent.cli.output import warn

if TYPE_CHECKING:
    from agent.conversation.kept import Conversation, Entry

WIDTH = 60
"""Characters of a conversation's first words in the list."""

DAMAGED = 1000
"""Characters that are shown of a damaged line: it may be anything."""

FORMATS = ("md", "srt", "json")

EPILOG = """\
  parley history                     all of them
  parley history ID                  one: its id, the beginning of it, or 'last'
  parley history search WORDS        what was said with all of these words in it
  parley history export ID           one as Markdown; --format srt, json; -o FILE
  parley history delete ID ...       asks first; --yes does not
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "history",
        help="list, show, search, export and delete the conversations that were kept",
        usage="parley history [-h] [--config CONFIG] [--dir DIR] [ID | search WORDS | export ID | "
        "delete ID ...]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="ID", help="what to do, see below")
    add_config(parser, ": whose session.save")
    parser.add_argument("--dir", metavar="DIR", help="another folder with conversations")
    parser.add_argument("--format", choices=FORMATS, default="md", help="of what is exported")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it there")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the words say. Raises ParleyError or ConfigError."""
    from agent.conversation.kept import conversations
    from agent.errors import ParleyError

    folder = _folder(args)
    match args.words:
        case []:
            found = [_summary(each) for each in conversations(folder, warn)]
            print("\n".join(found) or f"no conversations in {folder} yet")
        case ["search", *words]:
            _search(folder, words)
        case ["export", *ids]:
            if len(ids) != 1:
                raise ParleyError("export which? Give one id, or last: parley history lists them")
            _export(folder, ids[0], args.format, args.output)
        case ["delete", *ids]:
            if not ids:
                raise ParleyError("delete which? Give their ids: parley history lists them")
            return _delete(folder, ids, yes=args.yes)
        case [name]:
            print("\n".join(_lines(_read(folder, name))))
        case words:
            raise ParleyError(f"one id, or search, export, delete; not {' '.join(words)}")
    return 0


def _folder(args: argparse.Namespace) -> Path:
    from agent.config.load import load_config
    from agent.config.sections import SessionSettings
    from agent.conversation.kept import files
    from agent.errors import ParleyError
    from agent.guards.files import keep_private

    session = (
        SessionSettings(save=args.dir) if args.dir else load_config(args.config, args.set).session
    )
    if session.folder is None:
        raise ParleyError("no conversations are kept: set session.save to a folder, or give --dir")
    if kept := files(session.folder):
        keep_private(session.folder, kept, lambda _code, message, _recovered: warn(message))
    return session.folder


def _read(folder: Path, name: str) -> "Conversation":
    from agent.conversation.kept import read

    conversation = read(folder, name, warn)
    if damaged := sum(entry.type == "damaged" for entry in conversation.entries):
        warn(f"damaged lines in {conversation.id}, shown as they are: {damaged}")
    return conversation


def _search(folder: Path, words: list[str]) -> None:
    from agent.conversation.export import found
    from agent.conversation.kept import conversations
    from agent.errors import ParleyError

    if not words:
        raise ParleyError("search for what? Give the words")
    nothing = True
    for conversation in conversations(folder, warn):
        for entry in found(conversation, words):
            nothing = False
            print(f"{conversation.id:20}  {entry.time:%H:%M:%S}  {_line(entry)}")
    if nothing:
        raise ParleyError(f"nothing was said with '{' '.join(words)}' in it in {folder}")


def _export(folder: Path, name: str, kind: str, output: Path | None) -> None:
    import os

    from agent.conversation.export import FORMATS as EXPORTS
    from agent.guards.files import explained, overwrite

    text = EXPORTS[kind](_read(folder, name))
    if output is None:
        print(text, end="")
        return
    with explained(output), os.fdopen(overwrite(output), "w", encoding="utf-8") as file:
        file.write(text)


def _delete(folder: Path, names: list[str], *, yes: bool) -> int:
    from agent.cli.commands.voice_tools import confirm
    from agent.conversation.forgetting import delete
    from agent.conversation.kept import read

    ids = list(dict.fromkeys(read(folder, name, warn).id for name in names))
    if not yes and not confirm(f"delete {', '.join(ids)}?", otherwise="--yes"):
        return 1
    for each in ids:
        delete(folder, each)
        print(f"deleted {each}")
    return 0


def _summary(conversation: "Conversation") -> str:
    """A line: the id, how many turns, and what the user said first."""
    said = [entry.text for entry in conversation.entries if entry.type == "user"]
    first = said[0] if said else ""
    first = first if len(first) <= WIDTH else first[: WIDTH - 1] + "…"
    turns = f"{len(said)} turn{'' if len(said) == 1 else 's'}"
    return f"{conversation.id:20}  {turns:>9}  {first}".rstrip()


def _lines(conversation: "Conversation") -> Iterator[str]:
    for entry, agent in conversation.with_agents:
        yield f"{entry.time:%H:%M:%S}  {_line(entry, agent)}"


def _line(entry: "Entry", agent: str = "") -> str:
    text, data = entry.text, entry.data
    match entry.type:
        case "begun" | "resumed":
            line = f"-- {entry.type} {entry.time:%A, %d %B %Y} --"
        case "damaged":
            line = f"-- damaged: {text[:DAMAGED]} --"
        case "assistant":
            line = (
                f"{agent or 'agent'}: {text}{' [interrupted]' if data.get('interrupted') else ''}"
            )
        case "taken_up":
            line = "-- that reply went on --"
        case "aside":
            line = f"user:  ({text})"
        case "agent":
            line = f"-- {entry.name} goes on --"
        case "tool":
            line = f"tool:  {data.get('name')} {data.get('arguments') or ''} -> {text}"
        case _:
            line = f"{entry.type}:  {text}"
    return line
