"""What the tests of the engine share: tiny checkpoints, and utterances stepped by hand."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.tiny_dia2 import make
from tts.dia2.serving.prepare import Prepared
from tts.dia2.serving.utterance import UtteranceState
from tts.dia2.settings import Settings
from tts.protocol import Speech, SpokenWord
from tts.transformer.item import Item
from tts.voices.voice import Voice, signature
from tts.voices.word import Word

TEXT = "Well, this is a text: it has 12 words, (laughs) and some more of them at the end."


def checkpoint(
    folder: Path,
    *,
    codebooks: int = 3,
    max_steps: int = 400,
    delays: list[int] | None = None,
    ahead: int = 2,
) -> Path:
    """A checkpoint that is quick: with few codebooks, and if wanted with short delays."""
    make(folder, codebooks=codebooks, max_steps=max_steps)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["data"]["delay_pattern"] = delays or config["data"]["delay_pattern"]
    config["data"]["second_stream_ahead"] = ahead
    path.write_text(json.dumps(config))
    return folder


def settings(model: Path, **changed: Any) -> Settings:
    """The engine's defaults, but for a fixed seed and without pauses of its own."""
    given = {"device": "cpu", "seed": 1, "starve": "hold", "starve_after": 0.1, **changed}
    return Settings(model=str(model), **given)


class Listening(UtteranceState):
    """An utterance whose listener takes everything at once and keeps it, codes included."""

    def __init__(self, prepared: Prepared, seed: int | None = None) -> None:
        voice_settings = prepared.voice_settings
        self.items: list[Item] = []
        self.tokens: list[NDArray[np.int32]] = []
        super().__init__(prepared.bundle, voice_settings, prepared.prefilled, self.take)
        if seed is not None:
            self._seed = seed
            self.window.uniforms = self._draws()

    def take(self, item: Item) -> None:
        self.items.append(item)

    def collect(self) -> None:
        before = len(self.frames)
        super().collect()
        self.tokens += list(self.frames)[before:]

    def listen(self) -> None:
        """Take what has come."""
        while self._unheard:
            self.heard()

    @property
    def done(self) -> bool:
        return self.items[-1:] == [None]

    @property
    def speech(self) -> list[Speech]:
        return [item for item in self.items if isinstance(item, Speech)]

    @property
    def pcm(self) -> NDArray[np.float32]:
        return np.concatenate([speech.pcm for speech in self.speech])

    @property
    def words(self) -> list[SpokenWord]:
        return [word for speech in self.speech for word in speech.words]

    @property
    def codes(self) -> NDArray[np.int32]:
        return np.stack(self.tokens, axis=1)


def speak(prepared: Prepared, text: str, seed: int | None = None) -> Listening:
    """The whole text at once, to the end."""
    utterance = Listening(prepared, seed)
    prepared.scheduler.open(utterance)
    utterance.feed(text)
    utterance.finish()
    run(prepared, utterance)
    return utterance


def run(prepared: Prepared, *utterance: Listening) -> None:
    """Step until all of them are done."""
    while not all(each.done for each in utterance):
        for each in utterance:
            each.listen()
        assert prepared.scheduler.step() or all(each.done for each in utterance), "it is stuck"


def fragments(text: str, chance: random.Random) -> Iterator[str]:
    """The text in pieces of up to 9 characters."""
    while text:
        size = chance.randint(1, 9)
        yield text[:size]
        text = text[size:]


def make_voice(prepared: Prepared, frames: int = 40, seed: int = 3) -> Voice:
    """A voice of noise that says three words."""
    mimi = prepared.bundle.mimi
    size = mimi.config.codebook_size
    codes = np.random.default_rng(seed).integers(0, size, (mimi.codebooks, frames))
    words = (Word("I", 0.2, 0.4), Word("speak", 0.5, 0.9), Word("now.", 1.0, 1.6))
    return Voice("test", codes.astype(np.int32), words, signature(mimi))
