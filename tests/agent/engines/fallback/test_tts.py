"""Several voices: the first that works speaks, and another goes on where it fails."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import numpy as np
import pytest
import trio.testing

from agent.engines import GuardedTextToSpeech
from agent.engines.border import FAST
from agent.engines.fallback.ranking import COOLDOWN
from agent.engines.fallback.tts import VoiceFallback
from agent.engines.telling import borders
from agent.errors import ConfigError
from agent.events import Event
from tts import Occupancy, Speech, SpokenTurn, SpokenWord, TextToSpeechError
from tts.protocol import ConversationalSpeech, ExpressiveSpeech, ScriptedSpeech, SlottedSpeech

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]
    ),
]

WORD = 0.4
"""Seconds of a word: more than its letters take."""


@dataclass
class Voice:
    """Says a word of `level` each 0.4 s; breaks or hangs after `words` of them."""

    name: str
    level: float
    rate: int = 16000
    words: int | None = None
    """How many it says before its fault; None for one that has none."""
    fault: str = "raise"
    cut: float = 0.0
    """Seconds that it says of the next word before its fault."""
    gives_words: bool = True
    loads: int = 0
    load_fails: bool = False
    opened: int = 0
    text: str = ""

    @property
    def sample_rate(self) -> int:
        if not self.loads:
            raise TextToSpeechError("not loaded")
        return self.rate

    async def load(self) -> None:
        await anyio.sleep(1)
        if self.load_fails:
            raise TextToSpeechError(f"{self.name} has no model")
        self.loads += 1

    async def aclose(self) -> None:
        self.loads = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_Speaking"]:
        if not self.loads:
            raise TextToSpeechError(f"{self.name} is not loaded")
        self.opened += 1
        yield _Speaking(self)


@dataclass
class _Speaking:
    voice: Voice
    text: str = ""
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def feed(self, text: str) -> None:
        self.text += text

    async def finish(self) -> None:
        self.voice.text = self.text
        self.ended.set()

    async def __aiter__(self) -> AsyncGenerator[Speech, None]:
        voice, at = self.voice, 0
        if voice.fault == "end":
            return
        await self.ended.wait()
        for index, word in enumerate(self.text.split()):
            failing = index == voice.words
            seconds = voice.cut if failing else WORD
            pcm = np.full(round(seconds * voice.rate), voice.level, np.float32)
            words = (SpokenWord(word, at),) if voice.gives_words and len(pcm) else ()
            at += len(pcm)
            yield Speech(pcm, words)
            if failing and voice.fault == "hang":
                await anyio.sleep_forever()
            elif failing:
                raise TextToSpeechError(f"{voice.name} is broken")


def together(*voices: Voice) -> VoiceFallback:
    return VoiceFallback([(voice.name, voice) for voice in voices])


async def speak(tts: VoiceFallback | GuardedTextToSpeech, text: str) -> list[Speech]:
    async with tts.open() as utterance:
        for start in range(0, len(text), 5):
            await utterance.feed(text[start : start + 5])
        await utterance.finish()
        return [speech async for speech in utterance]


def words(pieces: list[Speech]) -> list[tuple[str, float]]:
    """The words, and when each begins, in seconds at 16 kHz."""
    return [(w.text, round(w.start / 16000, 2)) for piece in pieces for w in piece.words]


def levels(pieces: list[Speech]) -> list[float]:
    """How loud each 0.1 s is."""
    pcm = np.concatenate([piece.pcm for piece in pieces])
    return [round(float(np.median(each)), 2) for each in np.split(pcm, range(1600, len(pcm), 1600))]


def codes(told: list[Event]) -> list[str]:
    return [event.record()["code"] for event in told]


async def test_the_next_one_speaks_while_the_first_fails() -> None:
    one, two = Voice("one", 0.1, words=0), Voice("two", 0.2)
    tts, told = GuardedTextToSpeech(together(one, two)), list[Event]()
    await tts.load()
    async with borders(told.append):
        pieces = await speak(tts, "It is late.")
        assert words(pieces) == [("It", 0.0), ("is", 0.4), ("late.", 0.8)]
        assert set(levels(pieces)) == {0.2}
        (warning,) = told
        assert warning.record() == {
            "type": "warning",
            "stage": "tts",
            "code": "tts.fallback",
            "message": "one fails (one is broken): two speaks",
            "recovered": True,
        }
        await speak(tts, "Still.")
        assert one.opened == 1  # it rests
        await anyio.sleep(COOLDOWN)
        one.words = None
        assert set(levels(await speak(tts, "Hello."))) == {0.1}
    assert codes(told) == ["tts.fallback", "tts.recovered"]


@pytest.mark.parametrize("fault", ["raise", "hang"])
async def test_another_says_what_has_not_been_said(fault: str) -> None:
    """Neither twice nor left out, and with the times of all its words."""
    one, two = Voice("one", 0.1, words=2, fault=fault), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    began = anyio.current_time()
    pieces = await speak(tts, "It is rather late, I think.")
    assert two.text == "rather late, I think."
    assert [word for word, _ in words(pieces)] == ["It", "is", "rather", "late,", "I", "think."]
    assert [at for _, at in words(pieces)] == [0.0, 0.4, 0.8, 1.2, 1.6, 2.0]
    assert levels(pieces) == [0.1] * 8 + [0.2] * 16
    assert anyio.current_time() - began == pytest.approx(FAST if fault == "hang" else 0, abs=0.1)


async def test_one_that_ends_before_its_text_has_failed() -> None:
    one, two = Voice("one", 0.1, fault="end"), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    async with tts.open() as utterance, anyio.create_task_group() as tasks:

        async def write() -> None:
            await utterance.feed("It is ")
            await anyio.sleep(1)
            await utterance.feed("late.")
            await utterance.finish()

        tasks.start_soon(write)
        pieces = [speech async for speech in utterance]
    assert words(pieces) == [("It", 0.0), ("is", 0.4), ("late.", 0.8)]


async def test_a_word_that_was_cut_off_is_said_again_and_told_once() -> None:
    one, two = Voice("one", 0.1, words=2, cut=0.1), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    pieces = await speak(tts, "It is rather late.")
    assert two.text == "rather late."
    assert words(pieces) == [("It", 0.0), ("is", 0.4), ("rather", 0.8), ("late.", 1.3)]
    assert levels(pieces) == [0.1] * 9 + [0.2] * 8


async def test_a_voice_that_tells_no_words_is_followed_by_an_estimate() -> None:
    one, two = Voice("one", 0.1, words=8, gives_words=False), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    text = "One two three four five six seven eight nine ten eleven twelve."
    await speak(tts, text)
    rest = two.text.split()
    assert text.endswith(two.text)
    assert 2 <= len(rest) <= 7  # it had said eight


async def test_a_fallback_at_another_rate_is_converted() -> None:
    one, two = Voice("one", 0.1, words=2), Voice("two", 0.2, rate=24000)
    tts = together(one, two)
    await tts.load()
    pieces = await speak(tts, "It is rather late.")
    assert tts.sample_rate == 16000
    assert sum(len(piece.pcm) for piece in pieces) == pytest.approx(4 * WORD * 16000, abs=2)
    assert words(pieces) == [("It", 0.0), ("is", 0.4), ("rather", 0.8), ("late.", 1.2)]


async def test_all_fail() -> None:
    voices = Voice("one", 0.1, words=1), Voice("two", 0.2, words=1)
    tts = together(*voices)
    await tts.load()
    with pytest.raises(TextToSpeechError, match="two is broken"):
        await speak(tts, "It is late.")
    for voice in voices:
        voice.words = None
    assert await speak(tts, "Better a try than nothing.")


async def test_one_that_cannot_be_loaded_is_loaded_beside_the_conversation() -> None:
    one, two = Voice("one", 0.1, load_fails=True), Voice("two", 0.2, rate=8000)
    tts, told = GuardedTextToSpeech(together(one, two)), list[Event]()
    await tts.load()
    assert tts.sample_rate == 8000
    async with borders(told.append):
        await speak(tts, "Hello.")
        one.load_fails = False
        await anyio.sleep(COOLDOWN)
        began = anyio.current_time()
        await speak(tts, "Nobody waits for it.")
        assert anyio.current_time() == began
        assert one.opened == 0
        await anyio.sleep(2)
        pieces = await speak(tts, "Here again.")
        assert (one.opened, tts.sample_rate) == (1, 8000)
        assert sum(len(p.pcm) for p in pieces) == pytest.approx(2 * WORD * 8000, abs=2)
    assert codes(told) == ["tts.fallback", "tts.recovered"]
    assert told[0].record()["message"] == "one fails (one has no model): two speaks"


async def test_without_a_conversation_it_is_loaded_when_it_is_due() -> None:
    one, two = Voice("one", 0.1, load_fails=True), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    one.load_fails = False
    assert set(levels(await speak(tts, "Hello."))) == {0.2}
    await anyio.sleep(COOLDOWN)
    assert set(levels(await speak(tts, "Hello."))) == {0.1}


async def test_none_can_be_loaded() -> None:
    tts = together(Voice("one", 0.1, load_fails=True), Voice("two", 0.2, load_fails=True))
    with pytest.raises(TextToSpeechError, match="one has no model"):
        await tts.load()


async def test_leaving_early_ends_it() -> None:
    one, two = Voice("one", 0.1, words=1), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    with anyio.fail_after(5):
        async with tts.open() as utterance:
            await utterance.feed("It is late.")
            await utterance.finish()
            async for _ in utterance:
                break


class Rich(Voice):
    """A voice that can do all there is."""

    sounds = ("laughs",)
    language = "de"
    voice = ""

    @property
    def voices(self) -> list[str]:
        return ["ann", "bob"]

    def in_voice(self, name: str) -> "Rich":
        if name not in self.voices:
            raise TextToSpeechError("unknown")
        other = Rich(self.name, self.level, loads=self.loads)
        other.voice = name
        return other

    def in_language(self, language: str) -> "Rich":
        return self.in_voice("ann") if language == "es" else self

    def remember(self, turn: SpokenTurn) -> None:
        self.text = turn.words[0].text

    def occupancy(self) -> Occupancy:
        return Occupancy(2, 1, 0)

    open_script = Voice.open


ABILITIES = (ConversationalSpeech, ExpressiveSpeech, ScriptedSpeech, SlottedSpeech)


async def test_it_can_what_its_voices_can() -> None:
    plain = GuardedTextToSpeech(together(Voice("one", 0.1), Voice("two", 0.2)))
    assert not any(isinstance(plain, ability) for ability in ABILITIES)
    assert (plain.language, plain.voices) == (None, [])

    one, two = Rich("one", 0.1), Voice("two", 0.2)
    tts = GuardedTextToSpeech(together(one, two))
    await tts.load()
    assert all(isinstance(tts, ability) for ability in ABILITIES)
    assert (tts.language, tts.voices, tts.sounds) == ("de", ["ann", "bob"], ("laughs",))
    assert tts.occupancy() == Occupancy(2, 1, 0)
    tts.remember(SpokenTurn("user", np.zeros(1, np.float32), 16000, (SpokenWord("Hi.", 0),)))
    assert one.text == "Hi."
    with pytest.raises(ConfigError, match=r"^the voice 'eve': unknown$"):
        tts.in_voice("eve")
    assert set(levels(await speak(tts.in_voice("bob"), "Hello."))) == {0.1}
    assert tts.in_language("fr") is tts
    assert set(levels(await speak(tts.in_language("es"), "Hola."))) == {0.1}


async def test_a_voice_that_makes_no_sounds_does_not_read_their_names() -> None:
    one, two = Rich("one", 0.1, words=0), Voice("two", 0.2)
    tts = together(one, two)
    await tts.load()
    await speak(tts, "Well (laughs) it is late.")
    assert "laughs" not in two.text
    assert two.text.split()[-1] == "late."


async def test_a_voice_of_a_name_that_nobody_can_look_up_is_spoken_by_the_others() -> None:
    tts = together(Rich("one", 0.1, load_fails=True), Voice("two", 0.2))
    await tts.load()
    assert set(levels(await speak(tts.in_voice("ann"), "Hello."))) == {0.2}
