"""Several recognisers: the first that works hears a turn, and another hears it from its start."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
import pytest
import trio.testing
from numpy.typing import NDArray

from agent.engines import GuardedSpeechToText
from agent.engines.border import FAST
from agent.engines.fallback.ranking import COOLDOWN
from agent.engines.fallback.stt import RecogniserFallback
from agent.engines.telling import borders
from agent.events import Event
from stt import AdjustableRecogniser, SpeechToTextError, Transcript, UnsupportedError

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]
    ),
]


@dataclass
class Recogniser:
    """Tells who heard how many seconds; fails at `place`, or hangs there."""

    name: str
    place: str = ""
    hangs: bool = False
    sample_rate: int = 16000
    punctuates: bool = False
    heard: list[float] = field(default_factory=list)
    partials: bool = False

    async def at(self, place: str) -> None:
        if place == self.place:
            if self.hangs:
                await anyio.sleep_forever()
            raise SpeechToTextError(f"{self.name} is broken")

    async def load(self) -> None:
        await self.at("load")

    async def aclose(self) -> None:
        pass

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["_Hearing"]:
        await self.at("listen")
        yield _Hearing(self)


class _Hearing:
    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        recogniser.heard.append(0.0)

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        await self.recogniser.at("feed")
        self.recogniser.heard[-1] += len(pcm) / self.recogniser.sample_rate
        return Transcript(self.recogniser.name) if self.recogniser.partials else None

    async def finish(self) -> Transcript:
        await self.recogniser.at("finish")
        return Transcript(f"{self.recogniser.name} heard {self.recogniser.heard[-1]:.1f} s")


def together(*recognisers: Recogniser) -> GuardedSpeechToText:
    return GuardedSpeechToText(RecogniserFallback([(each.name, each) for each in recognisers]))


async def hear(stt: GuardedSpeechToText, seconds: int = 3) -> str:
    async with stt.listen() as recognition:
        for _ in range(seconds):
            await recognition.feed(np.zeros(16000, np.float32))
        return (await recognition.finish()).text


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("place", ["listen", "feed", "finish"])
async def test_the_next_one_hears_all_of_the_turn(place: str, *, hangs: bool) -> None:
    one, two = Recogniser("one", place, hangs=hangs), Recogniser("two")
    stt, told = together(one, two), list[Event]()
    await stt.load()
    async with borders(told.append):
        began = anyio.current_time()
        assert await hear(stt) == "two heard 3.0 s"
        assert anyio.current_time() - began == pytest.approx(FAST if hangs else 0)
        assert await hear(stt) == "two heard 3.0 s"
        (warning,) = [event.record() for event in told]
        assert warning["code"] == "stt.fallback"
        assert warning["message"].startswith("one fails (")
        assert warning["message"].endswith("): two hears")
        one.place = ""
        await anyio.sleep(COOLDOWN)
        if hangs:  # it is started anew first, and nobody waits for that
            assert await hear(stt) == "two heard 3.0 s"
            await anyio.sleep(1)
        assert await hear(stt) == "one heard 3.0 s"
    codes = [event.record()["code"] for event in told]
    assert [code for code in codes if code != "stt.restarted"] == ["stt.fallback", "stt.recovered"]


async def test_a_turn_goes_on_after_a_pause_in_which_one_failed() -> None:
    one, two = Recogniser("one"), Recogniser("two", sample_rate=8000)
    stt = together(one, two)
    await stt.load()
    second = np.zeros(16000, np.float32)
    async with stt.listen() as recognition:
        await recognition.feed(second)
        assert (await recognition.finish()).text == "one heard 1.0 s"
        one.place = "finish"
        two.partials = True
        await recognition.feed(second)
        assert (await recognition.finish()).text == "two heard 2.0 s"
        assert await recognition.feed(second) == Transcript("two")
        # But for what the resampler looks ahead.
        assert (await recognition.finish()).text == "two heard 2.9 s"


async def test_all_fail() -> None:
    one, two = Recogniser("one", "finish"), Recogniser("two", "feed")
    stt = together(one, two)
    await stt.load()
    async with stt.listen() as recognition:
        await recognition.feed(np.zeros(16000, np.float32))
        for _ in range(2):
            with pytest.raises(SpeechToTextError, match="two is broken"):
                await recognition.finish()
    one.place = ""
    assert await hear(stt) == "one heard 3.0 s"  # better a try than nothing


async def test_loading() -> None:
    one, two = Recogniser("one", "load", sample_rate=8000), Recogniser("two", punctuates=True)
    stt = together(one, two)
    await stt.load()
    assert (stt.sample_rate, stt.punctuates) == (16000, True)
    assert await hear(stt) == "two heard 3.0 s"
    await stt.load()  # the next file: one that rests is left alone
    two.place = "load"
    with pytest.raises(SpeechToTextError, match="is broken"):
        await together(one, two).load()


class Adjustable(Recogniser):
    """One that is told a language; of a conversation, it knows which."""

    conversations = 0
    languages = ("en", "de")

    def listen_with(self, *, language: str | None = None, **_: Any) -> Any:
        if language not in (None, *self.languages):
            raise UnsupportedError(f"{self.name} does not know {language}")
        return self.listen()

    def conversation(self) -> "Adjustable":
        other = Adjustable(f"{self.name}'s", self.place)
        other.conversations = self.conversations + 1
        return other


async def test_options_are_for_those_that_can() -> None:
    assert not isinstance(together(Recogniser("one"), Recogniser("two")), AdjustableRecogniser)
    one, two, three = Adjustable("one", "finish"), Recogniser("two"), Adjustable("three")
    three.languages = ("de", "fr")
    stt = together(one, two, three)
    await stt.load()
    assert isinstance(stt, AdjustableRecogniser)

    async def hear_with(**options: Any) -> str:
        async with stt.listen_with(**options) as recognition:
            return (await recognition.finish()).text

    assert await hear_with(language="de") == "three heard 0.0 s"
    assert await hear_with(language="fr") == "three heard 0.0 s"
    assert await hear_with(prompt="Parley") == "two heard 0.0 s"
    with pytest.raises(UnsupportedError, match="one does not know nl"):
        stt.listen_with(language="nl")
    with pytest.raises(SpeechToTextError, match="does not know nl"):
        stt.adjust(language="nl")
    stt.adjust(language="de")
    assert await hear(stt) == "three heard 3.0 s"


async def test_each_conversation_has_its_own_and_they_rest_together() -> None:
    one, two = Adjustable("one", "finish"), Recogniser("two")
    stt = together(one, two)
    await stt.load()
    mine, other = stt.conversation(), stt.conversation()
    assert await hear(mine) == "two heard 3.0 s"
    one.place = ""
    assert await hear(other) == "two heard 3.0 s"
    await anyio.sleep(COOLDOWN)
    assert await hear(stt.conversation()) == "one's heard 3.0 s"
