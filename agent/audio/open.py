"""The microphone and the speaker that a configuration names: a device, or a file instead."""

from pathlib import Path
from typing import Any

from agent.audio.files import WavMicrophone, WavSpeaker
from agent.audio.microphone import DeviceMicrophone
from agent.audio.speaker import DeviceSpeaker, Speaker
from agent.config.sections import MicrophoneSettings, SpeakerSettings
from agent.events import Audio, Report
from agent.graph import Stage

_SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus"}


def is_file(device: str | int | None) -> bool:
    """Whether a device's name is the path of an audio file."""
    return isinstance(device, str) and (
        Path(device).suffix.lower() in _SUFFIXES or Path(device).is_file()
    )


def open_microphone(
    settings: MicrophoneSettings, report: Report, *, silence: float
) -> Stage[Any, Audio]:
    """The microphone; a file ends `silence` seconds after its last sample.

    Raises AudioError when the file cannot be read; a device is opened when the stage runs.
    """
    if is_file(settings.device):
        return WavMicrophone(str(settings.device), silence=silence)
    return DeviceMicrophone(settings, report)


def open_speaker(settings: SpeakerSettings, report: Report, sample_rate: int) -> Speaker:
    """The speaker; a file is written at `sample_rate` Hz, a device has its own rate."""
    if is_file(settings.device):
        prebuffer = settings.prebuffer
        return WavSpeaker(str(settings.device), sample_rate, prebuffer=prebuffer, report=report)
    return DeviceSpeaker(settings, report)
