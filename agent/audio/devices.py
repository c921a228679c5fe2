"""The sound cards of this computer, through PortAudio (`sounddevice`).

Everything here may block for as long as the drivers like: call it in a thread of its own, as
`in_time` does.
"""

import atexit
import sys
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from threading import RLock
from typing import Any, Literal, TypeVar

import anyio

from agent.errors import AudioError
from agent.guards.thread import run_in_thread
from tts.extras import pip_install

Kind = Literal["input", "output"]

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that the sound system may take to list or to open devices."""

STAGE: dict[Kind, Literal["microphone", "speaker"]] = {"input": "microphone", "output": "speaker"}
"""What people, and the event log, call a device of that kind."""

portaudio = RLock()
"""Held around every use of PortAudio, which is one for the process and not thread-safe.

Only ever in worker threads: opening a device can take seconds."""

OPTION: dict[Kind, str] = {"input": "--mic FILE.wav", "output": "--speaker FILE.wav"}
"""What to use in place of a device of that kind."""


@dataclass(frozen=True, slots=True)
class Device:
    """One end of a sound card: it records (`input`) or plays (`output`).

    `sample_rate` is what it runs at when nobody asks for another, in Hz.
    """

    kind: Kind
    index: int
    name: str
    host_api: str
    channels: int
    sample_rate: int
    default: bool

    @property
    def id(self) -> str:
        """What stays the same when devices come and go; the index does not."""
        return f"{self.name}, {self.host_api}"


def load() -> Any:
    """The module `sounddevice`.

    Raises AudioError, with what to install, when it or the PortAudio library is not there.
    """
    try:
        import sounddevice
    except ImportError:
        raise AudioError(f"sound cards need sounddevice: {pip_install('sounddevice')}") from None
    except OSError:  # its wheel has the library on macOS and Windows only
        raise AudioError(
            "sound cards need the PortAudio library: apt install libportaudio2 (Debian, Ubuntu) "
            "or dnf install portaudio (Fedora); or use files: --mic FILE.wav --speaker FILE.wav"
        ) from None
    return sounddevice


async def in_time(call: Callable[[], T]) -> T:
    """Return what a call of PortAudio gives, made in a thread of its own.

    Raises AudioError when that takes more than 10 seconds; the thread is left behind then.
    """
    with anyio.move_on_after(PATIENCE):
        return await run_in_thread(call, name="portaudio")
    abandon()
    raise silent_system()


def silent_system() -> AudioError:
    """The error that the sound system does not answer."""
    return AudioError(
        f"the sound system does not answer within {PATIENCE:.0f} s: start its server again, or use "
        f"files: {' '.join(OPTION.values())}"
    )


def abandon() -> None:
    """Have the program not wait for PortAudio when it ends: the sound server does not answer."""
    # It may hang in the very import.
    if (at_exit := getattr(sys.modules.get("sounddevice"), "_exit_handler", None)) is not None:
        atexit.unregister(at_exit)


def list_devices(kind: Kind) -> list[Device]:
    """The devices that record or that play; PortAudio last looked when it was initialised.

    Raises AudioError when PortAudio cannot be used.
    """
    sd = load()
    with portaudio:
        try:
            infos = sd.query_devices()
            apis = [api["name"] for api in sd.query_hostapis()]
        except sd.PortAudioError as error:
            raise AudioError(f"the sound system does not answer: {error}") from error
        try:
            default = sd.query_devices(kind=kind)["index"]
        except sd.PortAudioError:
            default = None
        return [
            Device(
                kind=kind,
                index=info["index"],
                name=info["name"],
                host_api=apis[info["hostapi"]],
                channels=info[f"max_{kind}_channels"],
                sample_rate=round(info["default_samplerate"]),
                default=info["index"] == default,
            )
            for info in infos
            if info[f"max_{kind}_channels"] > 0
        ]


def find_device(kind: Kind, wanted: str | int | None) -> Device:
    """The device with this index, or whose name contains this text; the default one for nothing.

    Case does not matter, a whole name goes before a part of one, and digits are an index.
    Raises AudioError, naming what there is and the nearest name, when none matches.
    """
    devices = list_devices(kind)
    if not devices:
        raise AudioError(
            f"this computer has no {STAGE[kind]}: plug one in, or use a file: {OPTION[kind]}"
        )
    text = "" if wanted is None else str(wanted).strip().lower()
    if not text:
        return next((device for device in devices if device.default), devices[0])
    if text.isdecimal():
        found = [device for device in devices if device.index == int(text)]
    else:
        whole = [device for device in devices if text in (device.name.lower(), device.id.lower())]
        found = whole or [device for device in devices if text in device.id.lower()]
    if not found:
        raise AudioError(_unknown(kind, text, str(wanted), devices))
    return found[0]


def _unknown(kind: Kind, text: str, wanted: str, devices: list[Device]) -> str:
    near = max(devices, key=lambda device: _similarity(text, device.name.lower()))
    hint = f": did you mean '{near.name}'?" if _similarity(text, near.name.lower()) > 0.5 else "."
    there = ", ".join(f"{device.index} '{device.name}'" for device in devices)
    return f"no {STAGE[kind]} is called '{wanted}'{hint} There are {there}"


def _similarity(wanted: str, name: str) -> float:
    """From 0 to 1: how near `wanted` is to the name or to a word of it."""
    return max(SequenceMatcher(None, wanted, part).ratio() for part in (name, *name.split()))
