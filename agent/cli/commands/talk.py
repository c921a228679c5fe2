"""`parley talk`: the live conversation."""

import argparse
from functools import partial
from pathlib import Path

import anyio

from agent.config.load import Config, load_config


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("talk", help="talk with an agent")
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name (default: yours, else offline)"
    )
    parser.add_argument(
        "--mic", metavar="DEVICE", help="part of a device's name, its index, or an audio file"
    )
    parser.add_argument(
        "--speaker", metavar="DEVICE", help="part of a device's name, its index, or a WAV file"
    )
    parser.add_argument("--events", metavar="FILE", type=Path, help="write the event log there")
    parser.add_argument(
        "--record", metavar="DIR", type=Path, help="record audio and transcript there"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say why it speaks, waits, stops or goes on"
    )
    parser.add_argument(
        "--resume",
        metavar="ID",
        help="go on with a conversation that was kept (session.save): its id, or 'last'",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk until Ctrl-C, or until a file as microphone has been answered."""
    config = with_devices(load_config(args.config), args.mic, args.speaker)
    from agent.cli.live import talk

    options = {name: getattr(args, name) for name in ("events", "record", "explain", "resume")}
    anyio.run(partial(talk, config, **options))
    return 0


def with_devices(config: Config, mic: str | None, speaker: str | None) -> Config:
    """The configuration with other devices; digits are an index."""
    changes = {
        section: getattr(config, section).model_copy(update={"device": _device(device)})
        for section, device in (("microphone", mic), ("speaker", speaker))
        if device is not None
    }
    return config.model_copy(update=changes)


def _device(name: str) -> str | int:
    return int(name) if name.isdecimal() else name
