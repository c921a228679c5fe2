"""The engine `piper`: a voice of the Piper collection (VITS), in this process.

Only the voice's network is Piper's: phonemes are espeak-ng's, and ONNX Runtime computes it. What
is known of the files' format: github.com/rhasspy/piper, the voices' own `.onnx.json`.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from tts import speed as measured
from tts.espeak.language import language_of
from tts.espeak.library import EspeakLibrary, Settings, load_library
from tts.espeak.phonemes import Phonemes, phonemise
from tts.hub import fetch
from tts.onnx.config import read_config
from tts.onnx.session import VoiceSession
from tts.onnx.speech import Encoded, Speaker, keep_speed, rehearse
from tts.protocol import TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance

REPOSITORY = "rhasspy/piper-voices"
_NAME = re.compile(r"(([a-z]{2,3})_[A-Z]{2})-(\w+)-(x_low|low|medium|high)")
_PAD, _BEGIN, _END = "_", "^", "$"
LONGEST = 800
"""Phonemes at a time: a clause of 300 characters has about as many, one of digits five times."""


class _Audio(BaseModel):
    sample_rate: int = Field(ge=8000, le=96000)


class _Espeak(BaseModel):
    voice: str = Field(min_length=1, max_length=100)


class _Inference(BaseModel):
    noise_scale: float = Field(default=0.667, ge=0, le=2)
    length_scale: float = Field(default=1, gt=0, le=10)
    noise_w: float = Field(default=0.8, ge=0, le=2)


class VoiceConfig(BaseModel):
    """What a voice's `.onnx.json` says of it."""

    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference()
    phoneme_type: str = Field(default="espeak", pattern="^espeak$")
    phoneme_id_map: dict[str, list[int]] = Field(min_length=4, max_length=1000)
    num_speakers: int = Field(default=1, ge=1)
    speaker_id_map: dict[str, int] = {}


class Piper:
    """Synthesiser of a clause at a time, ten times as fast as speech on a processor."""

    def __init__(
        self,
        *,
        voice: Annotated[
            str,
            Field(
                min_length=1,
                description="A voice such as en_US-lessac-medium, or an .onnx file.",
            ),
        ] = "en_US-lessac-medium",
        speaker: Annotated[
            str | None, Field(description="Name or number, for a voice that has several.")
        ] = None,
        speed: Annotated[
            float, Field(ge=0.25, le=4, description="1 is the voice's own speed, 2 twice it.")
        ] = 1.0,
    ) -> None:
        self._voice, self._speaker, self._speed = voice, speaker, speed
        self._loaded: _Loaded | None = None

    @property
    def sample_rate(self) -> int:
        """The voice's, mostly 22050 Hz. Raises TextToSpeechError before `load`."""
        return self._ready().config.audio.sample_rate

    async def load(self) -> None:
        """Download what is missing, and load it. Raises TextToSpeechError."""
        if self._loaded is None:
            self._loaded = await anyio.to_thread.run_sync(
                _load, self._voice, self._speaker, self._speed
            )

    @property
    def language(self) -> str | None:
        """That of the loaded voice (`tts.VoiceOfLanguage`)."""
        return None if self._loaded is None else language_of(self._loaded.config.espeak.voice)

    async def aclose(self) -> None:
        """Give the network's memory back."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await keep_speed(loaded.session, measured.piper(self._voice))

    @property
    def voices(self) -> Sequence[str]:
        """The speakers of the voice, where it has several."""
        return sorted(self._ready().config.speaker_id_map)

    def in_voice(self, name: str) -> "Piper":
        """Return the same as another speaker (`tts.ManyVoices`). Raises TextToSpeechError."""
        loaded = self._ready()
        other = copy(self)
        other._loaded = replace(loaded, speaker=_speaker(loaded.config, name))
        return other

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early stops the network in the middle of a clause."""
        voice = self._ready()
        speaker = Speaker(voice.session, self.sample_rate, voice.encode)
        return open_utterance(partial(_synthesise, voice, speaker))

    def _ready(self) -> "_Loaded":
        if self._loaded is None:
            raise TextToSpeechError("piper is not loaded: call load() first")
        return self._loaded


@dataclass(frozen=True)
class _Loaded:
    config: VoiceConfig
    session: VoiceSession
    espeak: EspeakLibrary
    speaker: int
    speed: float

    def encode(self, phonemes: Phonemes) -> Encoded:
        """Number the phonemes: a pad follows each, as in the voice's training."""
        numbers = self.config.phoneme_id_map
        tokens = [*numbers[_BEGIN], *numbers[_PAD]]
        places = []
        for symbol in phonemes.text:
            places.append(len(tokens))
            if symbol in numbers:  # one that the voice never saw has no sound
                tokens += [*numbers[symbol], *numbers[_PAD]]
        places.append(len(tokens))
        tokens += numbers[_END]
        shape = self.config.inference
        scales = [shape.noise_scale, shape.length_scale / self.speed, shape.noise_w]
        inputs: dict[str, NDArray[Any]] = {
            "input": np.array([tokens], np.int64),
            "input_lengths": np.array([len(tokens)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if "sid" in self.session.inputs:
            inputs["sid"] = np.array([self.speaker], np.int64)
        return Encoded(inputs, len(tokens), places)


async def _synthesise(voice: _Loaded, speaker: Speaker, clause: str, send: Send) -> None:
    language = voice.config.espeak.voice
    phonemes = await anyio.to_thread.run_sync(phonemise, voice.espeak, clause, language)
    await speaker.speak(phonemes.pieces(LONGEST), send)


def _load(voice: str, speaker: str | None, speed: float) -> _Loaded:
    """Find a voice's two files, and load them. Blocks; raises TextToSpeechError."""
    network = _find(voice)
    config = _read(network.with_name(network.name + ".json"))
    number = _speaker(config, speaker)
    espeak = load_library()
    espeak.check(Settings(config.espeak.voice, 175, 50))
    session = VoiceSession(network, durations="Ceil")
    loaded = _Loaded(config, session, espeak, number, speed)
    rehearse(session, config.audio.sample_rate, loaded.encode, measured.piper(voice))
    return loaded


def _find(voice: str) -> Path:
    """Find a voice's network: a file, or one of the collection."""
    path = Path(voice).expanduser()
    if path.suffix == ".onnx":
        if not path.is_file():
            raise TextToSpeechError(f"there is no voice {path}: name an .onnx file, or a voice")
        return path
    files = files_of(voice)
    return fetch(REPOSITORY, files) / files[0]


def files_of(voice: str) -> tuple[str, str]:
    """Return where the collection has a voice's network and its JSON. Raises TextToSpeechError."""
    name = _NAME.fullmatch(voice)
    if name is None:
        raise TextToSpeechError(
            f"{voice!r} is no Piper voice: name one such as en_US-lessac-medium, or an .onnx file"
        )
    file = f"{name[2]}/{name[1]}/{name[3]}/{name[4]}/{voice}.onnx"
    return file, file + ".json"


def _read(path: Path) -> VoiceConfig:
    config = read_config(path, VoiceConfig)
    if missing := {_PAD, _BEGIN, _END} - config.phoneme_id_map.keys():
        raise TextToSpeechError(f"{path}: phoneme_id_map lacks {' '.join(sorted(missing))}")
    return config


def _speaker(config: VoiceConfig, wanted: str | None) -> int:
    if wanted is None:
        return 0
    number = config.speaker_id_map.get(wanted, int(wanted) if wanted.isdecimal() else -1)
    if not 0 <= number < config.num_speakers:
        names = ", ".join(list(config.speaker_id_map)[:8]) or f"0 to {config.num_speakers - 1}"
        raise TextToSpeechError(f"the voice has no speaker {wanted!r}: {names}")
    return number
