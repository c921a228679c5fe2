"""Engines that cost nothing, and what goes wrong with them, by a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from llm_adapters import LanguageModelError
from stt import Transcript
from tests.faults.engines import Faulty, FaultyLlm, FaultyStt, FaultyTts, hanging

ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: RuntimeError("broke"),
    lambda: LanguageModelError("the server is gone"),
    asyncio.CancelledError,
    GeneratorExit,
    lambda: SystemExit(1),
    lambda: BaseExceptionGroup("several", [SystemExit(1), ValueError("x")]),
    lambda: RuntimeError("half an emoji: \ud83d"),
)
PLACES = {
    "stt": ("listen", "feed", "finish", "exit", "load"),
    "llm": ("reply", "middle", "close", "load"),
    "tts": ("open", "feed", "finish", "begin", "middle", "last", "exit", "load"),
}
FORMS: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {
    "nan": lambda pcm: np.full_like(pcm, np.nan),
    "inf": lambda pcm: np.full_like(pcm, np.inf),
    "16 bits": lambda pcm: pcm * 32768,
    "shape": lambda pcm: pcm[np.newaxis],
}


@dataclass
class Chaos:
    """Decides what goes wrong next, by a seed."""

    random: random.Random
    planned: tuple[str, str, str] | None = None
    """Engine, place and what happens there, once."""
    struck: Counter[str] = field(default_factory=Counter)

    def plan(self) -> None:
        """Choose the fault of the next turn."""
        engine = self.random.choice(("stt", "llm", "tts"))
        what = self.random.choice(("raises", "raises", "hangs", "text", *FORMS))
        if what in FORMS:
            engine = "tts"
        elif what == "text" and engine == "tts":
            engine = "llm"
        self.planned = engine, self.random.choice(PLACES[engine]), what

    def strikes(self, engine: str, *kinds: str, place: str = "") -> str:
        """What goes wrong here and now; it is done with."""
        if self.planned is None or self.planned[0] != engine or self.planned[2] not in kinds:
            return ""
        if place not in ("", self.planned[1]):
            return ""
        what, self.planned = self.planned[2], None
        self.struck[f"{engine} {what}"] += 1
        return what


class Chaotic(Faulty):
    """An engine that fails where and as the chaos wants it."""

    name: str
    chaos: Chaos

    def __init__(self, chaos: Chaos) -> None:
        super().__init__("", hanging)
        self.chaos = chaos

    async def at(self, place: str) -> None:
        """Come to a place."""
        match self.chaos.strikes(self.name, "raises", "hangs", place=place):
            case "raises":
                raise self.chaos.random.choice(ERRORS)()
            case "hangs":
                await anyio.sleep_forever()


class Stt(Chaotic, FaultyStt):
    name = "stt"

    async def finish(self) -> Transcript:
        text = (await super().finish()).text
        return Transcript(f"{text} \ud83d" if self.chaos.strikes("stt", "text") else text)


class Llm(Chaotic, FaultyLlm):
    name = "llm"

    def word(self) -> str:
        return "he\ud83dre." if self.chaos.strikes("llm", "text") else super().word()


class Tts(Chaotic, FaultyTts):
    name = "tts"

    def pcm(self) -> NDArray[Any]:
        what = self.chaos.strikes("tts", *FORMS)
        return FORMS[what](super().pcm()) if what else super().pcm()
