"""`parley demo`: a recorded question is heard, understood, answered and spoken, with no setup."""

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.audio.devices import find_device, in_time
from agent.audio.wav import WavWriter
from agent.cli import ending
from agent.cli.options import with_devices
from agent.config.load import Config, load_config
from agent.errors import AudioError
from agent.events import Audio
from configs import QUESTION


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("demo", help="hear a recorded question answered")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo/reply.wav"),
        help="where the reply is written (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the offline preset on the question that comes with it."""
    config = with_devices(load_config("offline"), str(QUESTION), None)
    with ReplyFile(args.output) as reply:
        ending.run(partial(_talk, config, reply))
    print(f"the reply is in {args.output} ({reply.seconds:.1f} s)")
    return 0


async def _talk(config: Config, reply: "ReplyFile") -> None:
    from agent.cli.live import talk

    try:
        await in_time(partial(find_device, "output", None))
        await talk(config, copy=reply.add)
    except AudioError as error:
        print(f"not heard here, only written: {error}")
        await talk(config, copy=reply.add, silent=True)


class ReplyFile(ExitStack):
    """A WAV file of what is spoken, without the silence before it; closed with the stack."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._wav: WavWriter | None = None
        self._silence: list[NDArray[np.float32]] = []
        self.seconds = 0.0

    def add(self, block: Audio) -> None:
        """A block that the speaker plays; silence is written only when sound follows it."""
        if not block.pcm.any():
            if self._wav is not None:
                self._silence.append(block.pcm.copy())
            return
        if self._wav is None:
            self._wav = self.enter_context(WavWriter(self._path, block.sample_rate))
        pcm = np.concatenate((*self._silence, block.pcm))
        self._silence.clear()
        self._wav.write(pcm)
        self.seconds += len(pcm) / block.sample_rate
