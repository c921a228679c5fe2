"""`parley devices`: the microphones and speakers, and how to name them."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.audio.devices import Device


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "devices",
        help="list microphones and speakers",
        description="List microphones and speakers. Name one by its index or by a part of its "
        "name: --mic and --speaker, or `device` in the configuration.",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print both lists; the status is 1 when there is no device at all.

    Raises AudioError when PortAudio cannot be used, or does not answer.
    """
    from agent.audio.devices import in_time, list_devices
    from agent.cli import ending
    from agent.cli.native_stderr import silenced

    with silenced():  # as sounddevice does, which does not give stderr back if PortAudio hangs
        microphones, speakers = ending.run(
            in_time, lambda: (list_devices("input"), list_devices("output"))
        )
    _print("Microphones", microphones, "none: plug one in, or use a file: --mic FILE.wav")
    print()
    _print("Speakers", speakers, "none: plug one in, or use a file: --speaker FILE.wav")
    return 0 if microphones or speakers else 1


def _print(title: str, devices: "list[Device]", none: str) -> None:
    print(f"{title} (* is the default)" if devices else title)
    if not devices:
        print(f"  {none}")
        return
    rows = [("", "index", "name", "host API", "channels", "rate")]
    for device in devices:
        mark = "*" if device.default else ""
        numbers = str(device.channels), f"{device.sample_rate} Hz"
        rows.append((mark, str(device.index), device.name, device.host_api, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
