"""The engine `kokoro`: Kokoro-82M, a small voice that sounds natural, without PyTorch.

The network and its voices are files of onnx-community/Kokoro-82M-v1.0-ONNX; phonemes are
espeak-ng's, written as in the network's training (hexgrad/misaki, EN_PHONES.md).
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from tts import speed
from tts.espeak.language import language_of
from tts.espeak.library import EspeakLibrary, Settings, load_library
from tts.espeak.phonemes import Phonemes, phonemise
from tts.files import open_file
from tts.hub import find_folder
from tts.onnx.config import read_config
from tts.onnx.session import VoiceSession
from tts.onnx.speech import Encoded, Speaker, keep_speed, rehearse
from tts.protocol import TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance

REPOSITORY = "onnx-community/Kokoro-82M-v1.0-ONNX"
SAMPLE_RATE = 24000
LONGEST = 508
"""Phonemes at a time: the network's positions, less one for each edge."""
STYLES, WIDTH = 510, 256
"""A voice's vectors: one for each length of the phonemes; 128 for the sound, 128 for the melody."""

NETWORKS = {"int8": "onnx/model_quantized.onnx", "float32": "onnx/model.onnx"}
LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}
"""A voice's language by its name's first letter, as a voice of espeak."""

_WEIGHTED = re.compile(r"([a-z][fm]_[a-z]+)(?::(\d*\.?\d+))?")
_DIPHTHONGS = {
    "aɪ": "I",
    "aʊ": "W",
    "eɪ": "A",
    "oʊ": "O",
    "əʊ": "Q",
    "ɔɪ": "Y",
    "dʒ": "ʤ",
    "tʃ": "ʧ",
}
"""English sounds that the network knows as one symbol."""
_SYMBOLS = {"ɚ": "əɹ", "ɐ": "ə", "r": "ɹ", "x": "k", "ɬ": "l", "ʔ": "t", "e": "A"}


class _Alphabet(BaseModel):
    vocab: dict[str, int]


class _Tokenizer(BaseModel):
    model: _Alphabet


class Kokoro:
    """Synthesiser of a clause at a time, about as fast as speech on two processors."""

    def __init__(
        self,
        *,
        voice: Annotated[
            str,
            Field(
                min_length=1,
                description="A voice such as af_heart, or several blended: af_heart:2+bf_emma.",
            ),
        ] = "af_heart",
        language: Annotated[
            str | None,
            Field(description="Of the text, as an espeak voice; null for the voice's own."),
        ] = None,
        languages: Annotated[
            dict[str, str],
            Field(
                description="Other voices for other languages: {es: ef_dora, fr: ff_siwis} answers "
                "a turn in Spanish or French with these."
            ),
        ] = {},  # noqa: B006  (never changed)
        speed: Annotated[
            float, Field(ge=0.5, le=2, description="1 is the voice's own speed, 2 twice it.")
        ] = 1.0,
        dtype: Annotated[
            Literal["int8", "float32"], Field(description="Of the weights: 92 or 326 MB.")
        ] = "int8",
        model: Annotated[
            str, Field(min_length=1, description="A repository, or a folder with its files.")
        ] = REPOSITORY,
    ) -> None:
        self._voice, self._language, self._speed = voice, language, speed
        self._model, self._dtype = model, dtype
        self._languages: Mapping[str, str] = languages
        self._loaded: _Loaded | None = None

    @property
    def sample_rate(self) -> int:
        """24000 Hz."""
        return SAMPLE_RATE

    async def load(self) -> None:
        """Download what is missing, and load it. Raises TextToSpeechError."""
        if self._loaded is None:
            self._loaded = await anyio.to_thread.run_sync(self._load)

    @property
    def language(self) -> str | None:
        """That of the loaded voice (`tts.VoiceOfLanguage`)."""
        return None if self._loaded is None else language_of(self._loaded.language)

    async def aclose(self) -> None:
        """Give the network's memory back."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await keep_speed(loaded.session, speed.kokoro(self._model, self._dtype))

    @property
    def voices(self) -> Sequence[str]:
        """Those whose files are on this machine."""
        files = self._ready().folder.glob("voices/*.bin")
        return sorted(path.stem for path in files if _WEIGHTED.fullmatch(path.stem))

    def in_voice(self, name: str) -> "Kokoro":
        """Return the same in another voice (`tts.ManyVoices`). Raises TextToSpeechError."""
        loaded, voices = self._ready(), _blend(name)
        other = copy(self)
        language = self._language or _language(voices)
        other._loaded = replace(loaded, language=language, styles=_blended(loaded.folder, voices))
        return other

    def in_language(self, language: str) -> "Kokoro":
        """Return the same in its voice for a language (`tts.Multilingual`)."""
        if (voice := self._ready().others.get(language)) is None:
            return self
        other = copy(self)
        other._loaded = voice
        return other

    def _ready(self) -> "_Loaded":
        if self._loaded is None:
            raise TextToSpeechError("kokoro is not loaded: call load() first")
        return self._loaded

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early stops the network in the middle of a clause."""
        voice = self._ready()
        speaker = Speaker(voice.session, SAMPLE_RATE, voice.encode)
        return open_utterance(partial(_synthesise, voice, speaker))

    def _load(self) -> "_Loaded":
        voices = _blend(self._voice)
        others = {code: _blend(voice) for code, voice in self._languages.items()}
        language = self._language or _language(voices)
        network = NETWORKS[self._dtype]
        named = {voice: 0 for blend in (voices, *others.values()) for voice in blend}
        files = [network, "tokenizer.json", *(f"voices/{voice}.bin" for voice in named)]
        folder = find_folder(self._model, files)
        numbers = read_config(folder / "tokenizer.json", _Tokenizer).model.vocab
        styles = _blended(folder, voices)
        espeak = load_library()
        espeak.check(Settings(language, 175, 50))
        session = VoiceSession(folder / network, durations="Round")
        loaded = _Loaded(folder, session, espeak, language, numbers, styles, self._speed)
        for code, blend in others.items():
            spoken = _language(blend)
            espeak.check(Settings(spoken, 175, 50))
            loaded.others[code] = replace(loaded, language=spoken, styles=_blended(folder, blend))
        rehearse(session, SAMPLE_RATE, loaded.encode, speed.kokoro(self._model, self._dtype))
        return loaded


@dataclass(frozen=True)
class _Loaded:
    folder: Path
    session: VoiceSession
    espeak: EspeakLibrary
    language: str
    numbers: Mapping[str, int]
    styles: NDArray[np.float32]
    """[510, 256]."""
    speed: float
    others: dict[str, "_Loaded"] = field(default_factory=dict)
    """The voices for other languages."""

    def encode(self, phonemes: Phonemes) -> Encoded:
        """Number the phonemes, English ones in the network's own alphabet."""
        symbols, origins = phonemes.text, list(range(len(phonemes.text)))
        if self.language.startswith("en"):
            symbols, origins = _misaki(phonemes.text)
        tokens, places = [0], [0] * (len(phonemes.text) + 1)
        for symbol, origin in zip(symbols, origins, strict=True):
            places[origin] = places[origin] or len(tokens)
            if symbol in self.numbers:  # one that the network never saw has no sound
                tokens.append(self.numbers[symbol])
        places[-1] = len(tokens)
        for index in reversed(range(len(places) - 1)):  # the second half of a diphthong
            places[index] = places[index] or places[index + 1]
        style = self.styles[min(len(tokens) - 1, STYLES - 1)]
        inputs: dict[str, NDArray[Any]] = {}
        for name, kind in self.session.inputs.items():
            if name == "style":
                inputs[name] = style[None]
            elif name == "speed":
                whole = "int" in kind
                inputs[name] = np.array([self.speed], np.int32 if whole else np.float32)
            else:  # input_ids, or tokens in older exports
                inputs[name] = np.array([[*tokens, 0]], np.int64)
        return Encoded(inputs, len(tokens) + 1, places)


async def _synthesise(voice: _Loaded, speaker: Speaker, clause: str, send: Send) -> None:
    phonemes = await anyio.to_thread.run_sync(phonemise, voice.espeak, clause, voice.language)
    await speaker.speak(phonemes.pieces(LONGEST), send)


def _misaki(ipa: str) -> tuple[str, list[int]]:
    """Write espeak's English in the network's alphabet; with each symbol's index in `ipa`."""
    symbols, origins, index = "", [], 0
    while index < len(ipa):
        pair = ipa[index : index + 2]
        new = _DIPHTHONGS.get(pair)
        size = 1 if new is None else 2
        if new is None:
            new = _SYMBOLS.get(ipa[index], ipa[index])
        symbols += new
        origins += [index] * len(new)
        index += size
    return symbols, origins


def _blended(folder: Path, voices: Mapping[str, float]) -> NDArray[np.float32]:
    """Mix voices' vectors [510, 256] by their shares. Raises TextToSpeechError."""
    return sum(
        (share * _styles(folder / f"voices/{voice}.bin") for voice, share in voices.items()),
        np.zeros((STYLES, WIDTH), np.float32),
    )


def _blend(voice: str) -> dict[str, float]:
    """Parse `af_heart:2+bf_emma`: each voice's share, 1 in all. Raises TextToSpeechError."""
    shares: dict[str, float] = {}
    for part in voice.replace(" ", "").split("+"):
        match = _WEIGHTED.fullmatch(part)
        if match is None or not float(match[2] or 1):
            raise TextToSpeechError(
                f"{voice!r} is no Kokoro voice: name one such as af_heart, or a blend such as "
                "af_heart:2+bf_emma"
            )
        shares[match[1]] = shares.get(match[1], 0) + float(match[2] or 1)
    whole = sum(shares.values())
    return {name: share / whole for name, share in shares.items()}


def _language(voices: Mapping[str, float]) -> str:
    first = next(iter(voices))
    if first[0] not in LANGUAGES:
        raise TextToSpeechError(f"{first} is a voice of an unknown language: set tts.language")
    return LANGUAGES[first[0]]


def _styles(path: Path) -> NDArray[np.float32]:
    """Read a voice, float32 [510, 256]. Raises TextToSpeechError."""
    try:
        with open_file(path) as file:
            styles = np.frombuffer(file.read(STYLES * WIDTH * 4 + 1), "<f4")
        styles = styles.reshape(STYLES, WIDTH)
    except (OSError, ValueError) as error:
        raise TextToSpeechError(f"{path} is no voice of Kokoro: {error}") from error
    if not np.isfinite(styles).all():
        raise TextToSpeechError(f"{path} is no voice of Kokoro: not all of its numbers are finite")
    return styles
