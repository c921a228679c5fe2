"""Speech with its words: people's, from packages of Debian, and samples in nine languages."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from agent.audio.wav import read_audio
from tests.real import kit
from tests.real.kit import KitError

SAMPLE_RATE = 16000
POCKETSPHINX = Path("/usr/share/pocketsphinx/test/data")
ALSA = Path("/usr/share/sounds/alsa")
ASTERISK = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPTS = Path(__file__).with_name("prompts.txt")
"""What the announcements of a telephone exchange say, by their files' names."""

Pcm = NDArray[np.float32]

_COMMANDS = {
    "goforward": "go forward ten meters",
    "something": "go somewhere and do something",
    "tidigits/dhd.2934z": "two nine three four zero",
}
_CHANNELS = [f"{end} {side}" for end in ("front", "rear") for side in ("left", "center", "right")]
_CHANNELS += ["side left", "side right"]


@dataclass(frozen=True)
class Clip:
    """Something that was said, at 16 kHz."""

    name: str
    text: str
    pcm: Pcm
    language: str = "en"


@cache
def people() -> tuple[Clip, ...]:
    """English by several speakers: a novel's sentences, announcements, cards, commands, channels.

    Of one to eight seconds. Raises KitError.
    """
    return (*novel(), *announcements(), *_cards(), *_commands(), *_channels())


@cache
def novel() -> tuple[Clip, ...]:
    """Five sentences of 3 to 8 s that a volunteer of LibriVox reads. Raises KitError."""
    return _listed("librivox", "transcription")


@cache
def announcements() -> tuple[Clip, ...]:
    """Sentences of a telephone exchange, by the voice of Asterisk. Raises KitError."""
    lines = PROMPTS.read_text("utf-8").splitlines()
    named = (line.split(": ", 1) for line in lines)
    return tuple(Clip(name, text, _g722(ASTERISK / f"{name}.g722")) for name, text in named)


@cache
def samples() -> tuple[Clip, ...]:
    """Three of each of nine languages, by a voice of a synthesiser. Raises KitError."""
    return tuple(
        Clip(
            wav.stem,
            wav.with_suffix(".txt").read_text("utf-8").strip(),
            _read(wav),
            wav.parent.name,
        )
        for wav in sorted(kit.samples().glob("*/*.wav"))
    )


def noise() -> Pcm:
    """Pink noise that a person might test a loudspeaker with. Raises KitError."""
    return _read(ALSA / "Noise.wav")


def _cards() -> tuple[Clip, ...]:
    return _listed("cards", "cards.transcription")


def _commands() -> tuple[Clip, ...]:
    return tuple(
        Clip(Path(name).name, text, _raw(POCKETSPHINX / f"{name}.raw"))
        for name, text in _COMMANDS.items()
    )


def _channels() -> tuple[Clip, ...]:
    return tuple(
        Clip(name, name, _read(ALSA / f"{name.title().replace(' ', '_')}.wav"))
        for name in _CHANNELS
    )


def _listed(folder: str, transcription: str) -> tuple[Clip, ...]:
    """Of lines such as `<s> ten of clubs </s> (001)`, each a WAV's."""
    lines = _there(POCKETSPHINX / folder / transcription).read_text("utf-8").splitlines()
    clips = []
    for line in lines:
        text, _, name = line.strip().removesuffix(")").rpartition("(")
        words = text.replace("<s>", "").replace("</s>", "").split()
        clips.append(Clip(name, " ".join(words), _read(POCKETSPHINX / folder / f"{name}.wav")))
    return tuple(clips)


def _read(path: Path) -> Pcm:
    pcm, rate = read_audio(_there(path))
    if rate != SAMPLE_RATE:
        import soxr

        pcm = soxr.resample(pcm, rate, SAMPLE_RATE)
    return pcm.astype(np.float32)


def _raw(path: Path) -> Pcm:
    pcm = np.frombuffer(_there(path).read_bytes(), "<i2")
    return (pcm / np.float32(32768)).astype(np.float32)


def _g722(path: Path) -> Pcm:
    with av.open(str(_there(path)), format="g722") as file:
        blocks = [frame.to_ndarray()[0].astype(np.float32) for frame in file.decode(audio=0)]
    return np.concatenate(blocks, dtype=np.float32) / np.float32(32768)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise KitError(
            f"{path} is missing: make test-real installs it (Debian's pocketsphinx-testdata, "
            "alsa-utils and asterisk-core-sounds-en-g722)"
        )
    return path
