"""Options that several commands have, and how their values are read."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.config.load import Config


def add_config(parser: argparse.ArgumentParser, end: str) -> None:
    """Add `--config`; its help ends with what it is for."""
    about = f"a YAML file or a preset's name{end}"
    parser.add_argument("--config", metavar="CONFIG", help=about)
    add_set(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add `--set`, for a command that takes a configuration."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the configuration, such as tts.voice=anna (as often as you like)",
    )


def add_microphone(parser: argparse.ArgumentParser) -> None:
    """Add `--mic`."""
    about = "part of a device's name, its index, or an audio file"
    parser.add_argument("--mic", metavar="DEVICE", help=about)


def add_speaker(parser: argparse.ArgumentParser) -> None:
    """Add `--speaker`."""
    about = "part of a device's name, its index, or a WAV file"
    parser.add_argument("--speaker", metavar="DEVICE", help=about)


def with_devices(config: "Config", mic: str | None, speaker: str | None) -> "Config":
    """Return the configuration with other devices where they are given; digits are an index."""
    changes = {
        section: getattr(config, section).model_copy(
            update={"device": int(device) if device.isdecimal() else device}
        )
        for section, device in (("microphone", mic), ("speaker", speaker))
        if device is not None
    }
    return config.model_copy(update=changes)


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add where a server listens: --host, --port, --tls-cert, --tls-key."""
    parser.add_argument("--host", default="127.0.0.1", help="the address (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=whole(0, 65535),
        default=8765,
        metavar="N",
        help="0 for any (default: %(default)s)",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="a certificate, for https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key")


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return how argparse reads a whole number from `low` to `high`, or from there on."""
    wanted = f"from {low} on" if high is None else f"from {low} to {high}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else low - 1
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"a whole number {wanted} is needed, not {text}")
        return number

    return read


def number(low: float) -> Callable[[str], float]:
    """Return how argparse reads a number that is not below `low`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value < math.inf:
            raise argparse.ArgumentTypeError(f"a number from {low:g} on is needed, not {text}")
        return value

    return read
