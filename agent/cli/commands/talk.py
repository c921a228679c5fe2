"""`parley talk`: the live conversation."""

import argparse
from functools import partial
from pathlib import Path

from agent.cli import ending
from agent.cli.options import add_microphone, add_set, add_speaker, with_devices
from agent.config.load import Config, load_with_files


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("talk", help="talk with an agent")
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name (default: yours, else offline)"
    )
    add_set(parser)
    add_microphone(parser)
    add_speaker(parser)
    kept = "what is there already stays, and the new one has a number in its name"
    parser.add_argument(
        "--events", metavar="FILE", type=Path, help=f"write the event log there; {kept}"
    )
    parser.add_argument(
        "--record", metavar="DIR", type=Path, help=f"record audio and transcript there; {kept}"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say why it speaks, waits, stops or goes on"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="take up changes of the configuration's files (session.watch)",
    )
    parser.add_argument(
        "--text", action="store_true", help="have answers written, not spoken: no voice is loaded"
    )
    parser.add_argument(
        "--resume",
        metavar="ID",
        help="go on with a conversation that was kept (session.save): its id, or 'last', "
        "which is the one that was talked in last",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk until Ctrl-C, or until a file as microphone has been answered."""

    def load() -> tuple[Config, list[Path]]:
        assignments = [*args.set, *(["session.watch=true"] if args.watch else [])]
        config, files = load_with_files(args.config, assignments)
        return with_devices(config, args.mic, args.speaker), files

    config, _ = load()
    from agent.cli.live import talk

    options = {
        name: getattr(args, name) for name in ("events", "record", "explain", "resume", "text")
    }
    ending.run(partial(talk, config, load=load, **options))
    return 0
