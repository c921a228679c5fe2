"""Turn-taking on a virtual clock: speculation, interruptions, backchannels, noise, silence."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.config.sections import TurnSettings
from llm_adapters import ToolCall
from stt import Transcript
from tests.agent import toys
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import (
    RATE,
    TTS_RATE,
    WORD,
    FakeLlm,
    FakeStt,
    FakeTts,
    FakeUtterance,
    Scripted,
)
from tts import Speech

pytestmark = pytest.mark.anyio

TURN = TurnSettings()
TICK = 0.032 + 0.02
"""A window of the voice detector and a block of the speaker: what a decision may be late by."""
STORY = [f"word{n} " for n in range(40)]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class PartialStt(FakeStt):
    """Says what it has understood so far: per utterance (seconds heard, words), and the final."""

    def __init__(self, *utterances: list[tuple[float, str]]) -> None:
        super().__init__([words[-1][1] for words in utterances])
        self._partials = list(utterances)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["Any", None]:
        async with super().listen() as recognition:
            partials = self._partials.pop(0)
            feed = recognition.feed

            async def feed_partially(pcm: NDArray[np.float32]) -> Transcript | None:
                await feed(pcm)
                known = [text for at, text in partials if at <= recognition.samples / RATE]
                return Transcript(known[-1]) if known else None

            recognition.feed = feed_partially  # type: ignore[method-assign]
            yield recognition


class FickleStt(FakeStt):
    """Changes its mind about the same sound at every call."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["Any", None]:
        async with super().listen() as recognition:
            finish = recognition.finish

            async def finish_anew() -> Transcript:
                recognition._finished = None
                return await finish()

            recognition.finish = finish_anew  # type: ignore[method-assign]
            yield recognition


QUESTION = "what time is it"


def one_turn(*, after: float = 4.0) -> Scripted:
    return Scripted([(1, False), (1, True), (after, False)])


class TestSpeculation:
    async def test_the_reply_is_ready_when_the_turn_is_over(self) -> None:
        llm = FakeLlm([["It ", "is ", "noon."]])
        talk = await converse(one_turn(), stt=FakeStt([QUESTION]), llm=llm)
        (latency,) = talk.of("turn.latency")
        assert latency["total_ms"] <= 1000 * (TURN.silence / 3)
        for part in ("stt_ms", "llm_ttft_ms", "tts_ttfa_ms"):
            assert latency[part] == 0.0
        assert len(llm.asked) == 1
        assert talk.of("turn.committed")[0]["guesses"] == 1
        assert talk.of("turn.committed")[0]["wasted_tokens"] == 0
        assert talk.first_sound() > talk.time("turn.committed")

    async def test_a_reply_to_half_a_sentence_leaves_no_trace(self) -> None:
        llm = FakeLlm([["What ", "kind?"], ["A ", "pizza ", "then."]])
        talk = await converse(
            Scripted([(1, False), (1, True), (0.6, False), (1, True), (4, False)]),
            stt=FakeStt([["i would like", "i would like a pizza"]]),
            llm=llm,
        )
        assert [asked[-1].content for asked in llm.asked] == [
            "i would like",
            "i would like a pizza",
        ]
        assert talk.history() == [
            ("user", "i would like a pizza", False),
            ("assistant", "A pizza then.", False),
        ]
        assert [e["delta"] for e in talk.of("assistant.text")] == ["A ", "pizza ", "then."]
        assert talk.of("turn.committed")[0] == {
            "type": "turn.committed",
            "turn": 1,
            "text": "i would like a pizza",
            "guesses": 2,
            "wasted_tokens": 2,
        }
        assert talk.first_sound() > talk.time("turn.committed")
        assert len([1 for _, pcm in talk.sound if pcm.any()]) <= 3 * WORD / 0.01 + 2

    @pytest.mark.parametrize(
        ("final", "asked"), [("What time is it?", 1), ("what time is it in rome", 2)]
    )
    async def test_words_that_change_start_it_again_but_not_their_case(
        self, final: str, asked: int
    ) -> None:
        llm = FakeLlm([["It ", "is ", "noon."]] * 2)
        talk = await converse(one_turn(), stt=FickleStt([[QUESTION, final]]), llm=llm)
        assert len(llm.asked) == asked
        assert talk.of("turn.committed")[0]["text"] == final
        assert talk.history() == [("user", final, False), ("assistant", "It is noon.", False)]

    @pytest.mark.parametrize(
        ("speculate", "ahead"),
        [
            ("off", (False, False, False)),
            ("stt", (True, False, False)),
            ("llm", (True, True, False)),
            ("all", (True, True, True)),
        ],
    )
    async def test_how_far_it_goes_can_be_chosen(
        self, speculate: str, ahead: tuple[bool, bool, bool]
    ) -> None:
        times: dict[str, float] = {}

        class Stt(FakeStt):
            def _heard(self) -> None:
                times.setdefault("stt", anyio.current_time())

            @asynccontextmanager
            async def listen(self) -> AsyncGenerator[Any, None]:
                async with super().listen() as recognition:
                    finish = recognition.finish

                    async def finish_and_tell() -> Transcript:
                        self._heard()
                        return await finish()

                    recognition.finish = finish_and_tell  # type: ignore[method-assign]
                    yield recognition

        class Llm(FakeLlm):
            async def reply(self, messages: Any, tools: Any = ()) -> AsyncGenerator[Any, None]:
                times.setdefault("llm", anyio.current_time())
                async for delta in super().reply(messages, tools):
                    yield delta

        class Tts(FakeTts):
            @asynccontextmanager
            async def open(self) -> AsyncGenerator[FakeUtterance, None]:
                times.setdefault("tts", anyio.current_time())
                async with super().open() as utterance:
                    yield utterance

        began = anyio.current_time()
        talk = await converse(
            one_turn(),
            stt=Stt([QUESTION]),
            llm=Llm([["It ", "is ", "noon."]]),
            tts=Tts(),
            config={"turn": {"speculate": speculate}},
        )
        decided = began + talk.time("user.speech_stopped")
        assert tuple(times[stage] < decided for stage in ("stt", "llm", "tts")) == ahead
        assert talk.history()[-1] == ("assistant", "It is noon.", False)

    async def test_it_is_given_up_after_too_many_vain_tries(self) -> None:
        pauses = [(0.5, True), (0.5, False)] * 6
        llm = FakeLlm([["Yes."]] * 7)
        talk = await converse(
            Scripted([(1, False), *pauses, (4, False)]),
            stt=FakeStt([[f"{'and ' * n}and" for n in range(7)]]),
            llm=llm,
            config={"turn": {"max_guesses": 2}},
        )
        assert len(llm.asked) == 3  # two in vain, one at the end
        assert talk.of("turn.committed")[0]["guesses"] == 2
        assert len(talk.of("assistant.done")) == 1


class TestTurnEnd:
    @pytest.mark.parametrize("pause", [0.4, 0.8, 1.2])
    async def test_a_pause_in_a_sentence_is_inside_the_turn(self, pause: float) -> None:
        """With the words alone: what was said so far wants an object."""
        talk = await converse(
            Scripted([(1, False), (1, True), (pause, False), (1, True), (4, False)]),
            stt=FakeStt([["i would like to order", "i would like to order a large pizza"]]),
            llm=FakeLlm([["Never ", "heard."], ["Right ", "away."]]),
        )
        assert talk.types().count("turn.committed") == 1
        assert talk.history() == [
            ("user", "i would like to order a large pizza", False),
            ("assistant", "Right away.", False),
        ]

    @pytest.mark.parametrize("pause", [0.4, 0.8, 1.2])
    async def test_and_with_a_model_of_the_sound(self, pause: float) -> None:
        class Model:
            def __init__(self) -> None:
                self.certainties = [0.05, 0.97]

            async def load(self) -> None:
                """Nothing to load."""

            async def aclose(self) -> None:
                """Nothing to close."""

            async def complete(self, pcm: NDArray[np.float32]) -> float:
                assert len(pcm)
                await anyio.sleep(0.03)
                return self.certainties.pop(0)

        talk = await converse(
            Scripted([(1, False), (1, True), (pause, False), (1, True), (4, False)]),
            stt=FakeStt([["flights to boston", "flights to boston on friday"]]),
            llm=FakeLlm([["Never ", "heard."], ["Right ", "away."]]),
            turn_model=Model(),
            config={"turn": {"detector": "smart_turn"}},
        )
        assert talk.types().count("turn.committed") == 1
        assert talk.history()[-1] == ("assistant", "Right away.", False)
        (latency,) = talk.of("turn.latency")
        assert latency["total_ms"] <= 1000 * (TURN.complete + 0.05 + TICK + 0.02)

    async def test_words_that_never_come_end_in_an_apology(self) -> None:
        talk = await converse(
            one_turn(after=60),
            stt=FakeStt(["too late", "hello"], delay=1000),
            llm=FakeLlm([]),
        )
        (error,) = talk.of("error")
        assert error["stage"] == "stt"
        assert "no transcript within" in error["message"]
        assert len(talk.of("assistant.done")) == 1


def over_the_story(voice: float, *, after: float = 12.0) -> Scripted:
    """A question, and a second into the reply a voice of some length."""
    return Scripted([(0.5, False), (0.5, True), (1.5, False), (voice, True), (after, False)])


START = 2.5
"""When the voice begins in `over_the_story`."""


def words_of(talk: Conversation) -> list[str]:
    return [content for role, content, _ in talk.history() if role == "assistant"]


class TestInterruption:
    async def test_noise_is_ducked_and_the_reply_resumed_with_nothing_lost(self) -> None:
        talk = await converse(
            over_the_story(0.4), stt=FakeStt([QUESTION, ""]), llm=FakeLlm([STORY])
        )
        assert [d for d in talk.decisions() if d in ("duck", "stop", "resume", "unduck")] == [
            *("duck", "stop"),
            *("resume", "unduck"),
        ]
        (interrupted,) = talk.of("assistant.interrupted")
        assert len(talk.of("assistant.resumed")) == 1
        assert words_of(talk) == ["".join(STORY).strip()]
        assert talk.types().count("turn.committed") == 1
        # Silent in between, and after it the whole of the word that was cut and all that follow.
        stopped, resumed = talk.time("assistant.interrupted"), talk.time("assistant.resumed")
        assert talk.level(stopped + 0.03, resumed - 0.02) == 0.0
        heard = len(interrupted["heard"].split())
        left = talk.last_sound() - resumed
        words = len(STORY) - int((stopped - talk.first_sound()) / WORD)
        assert left == pytest.approx(words * WORD, abs=0.045)
        assert heard in (len(STORY) - words, len(STORY) - words + 1)

    async def test_the_duck_comes_within_80_ms_and_the_stop_within_300(self) -> None:
        talk = await converse(
            over_the_story(1.5),
            stt=FakeStt([QUESTION, "stop that"]),
            llm=FakeLlm([STORY, ["Fine."]]),
        )
        ducked = next(t for t, e in talk.events if e.get("what") == "duck")
        assert ducked - START <= 0.08
        assert talk.level(ducked + 0.03, ducked + 0.06) == pytest.approx(
            0.25 * 10 ** (-18 / 20), rel=0.01
        )
        assert talk.time("assistant.interrupted") - START <= 0.3
        assert talk.level(talk.time("assistant.interrupted") + 0.025, START + 1.5) == 0.0

    async def test_a_click_only_ducks(self) -> None:
        talk = await converse(over_the_story(0.064), stt=FakeStt([QUESTION]), llm=FakeLlm([STORY]))
        assert [d for d in talk.decisions() if "duck" in d] == ["duck", "unduck"]
        assert "assistant.interrupted" not in talk.types()
        assert talk.level(START + 0.5, START + 2) == pytest.approx(0.25, abs=0.001)

    @pytest.mark.parametrize("said", ["right", "mm-hm", "yeah okay"])
    async def test_a_backchannel_is_noted_and_the_reply_goes_on(self, said: str) -> None:
        talk = await converse(
            over_the_story(0.4),
            stt=PartialStt([(0, QUESTION)], [(0.5, said)]),
            llm=FakeLlm([STORY]),
        )
        assert "assistant.interrupted" not in talk.types()
        assert talk.of("user.backchannel") == [
            {"type": "user.backchannel", "turn": 2, "text": said}
        ]
        assert talk.history()[1:] == [
            ("assistant", "".join(STORY).strip(), False),
            ("user", f"({said})", False),
        ]

    async def test_a_backchannel_that_is_understood_late_is_resumed_from(self) -> None:
        talk = await converse(
            over_the_story(0.4), stt=FakeStt([QUESTION, "right"]), llm=FakeLlm([STORY])
        )
        assert len(talk.of("assistant.resumed")) == 1
        assert words_of(talk) == ["".join(STORY).strip()]

    @pytest.mark.parametrize("said", ["stop", "no", "wait"])
    async def test_a_short_word_that_means_it_stops_it(self, said: str) -> None:
        talk = await converse(
            over_the_story(0.3),
            stt=PartialStt([(0, QUESTION)], [(0.5, said)]),
            llm=FakeLlm([STORY, ["Fine."]]),
        )
        assert [m[:2] for m in talk.history()][2:] == [("user", said), ("assistant", "Fine.")]

    async def test_a_long_yeah_interrupts(self) -> None:
        talk = await converse(
            over_the_story(1.5),
            stt=PartialStt([(0, QUESTION)], [(0.5, "yeah")]),
            llm=FakeLlm([STORY, ["Fine."]]),
        )
        assert 1.0 <= talk.time("assistant.interrupted") - START <= 1.0 + TICK
        assert words_of(talk)[-1] == "Fine."

    async def test_two_words_are_too_few_when_three_are_asked_for(self) -> None:
        talk = await converse(
            over_the_story(0.6),
            stt=PartialStt([(0, QUESTION)], [(0.5, "be quiet")]),
            llm=FakeLlm([STORY]),
            config={"interruption": {"min_words": 3}},
        )
        assert "assistant.interrupted" not in talk.types()
        assert words_of(talk) == ["".join(STORY).strip()]

    async def test_three_words_are_enough_and_one_is_when_the_agent_is_silent(self) -> None:
        talk = await converse(
            Scripted([(0.5, False), (0.3, True), (2, False), (0.8, True), (4, False)]),
            stt=PartialStt([(0, "hello")], [(0.5, "be quiet"), (0.7, "be quiet now")]),
            llm=FakeLlm([STORY, ["Fine."]]),
            config={"interruption": {"min_words": 3}},
        )
        assert [m[:2] for m in talk.history()][2:] == [
            ("user", "be quiet now"),
            ("assistant", "Fine."),
        ]

    async def test_a_reply_that_may_not_be_interrupted_is_heard_out_and_then_answered(self) -> None:
        talk = await converse(
            over_the_story(1),
            stt=FakeStt([QUESTION, "stop that"]),
            llm=FakeLlm([STORY, ["Fine."]]),
            config={"interruption": {"allow": False}},
        )
        assert "assistant.interrupted" not in talk.types()
        assert "duck" not in talk.decisions()
        assert talk.history()[1:] == [
            ("assistant", "".join(STORY).strip(), False),
            ("user", "stop that", False),
            ("assistant", "Fine.", False),
        ]

    @pytest.mark.parametrize(
        ("spared", "interrupted"), [("after 0.5 s", True), ("after 5 s", False)]
    )
    async def test_the_first_seconds_of_a_reply_can_be_spared(
        self, spared: str, interrupted: bool
    ) -> None:
        talk = await converse(
            over_the_story(1),
            stt=FakeStt([QUESTION, "stop that"]),
            llm=FakeLlm([STORY, ["Fine."]]),
            config={"interruption": {"allow": spared}},
        )
        assert ("assistant.interrupted" in talk.types()) == interrupted

    async def test_two_interruptions_one_after_the_other(self) -> None:
        talk = await converse(
            Scripted(
                [(0.5, False), (0.5, True), *[(2, False), (0.8, True)] * 2, (4, False)],
            ),
            stt=FakeStt([QUESTION, "stop that", "no really stop"]),
            llm=FakeLlm([STORY, STORY, ["Fine."]]),
        )
        assert len(talk.of("assistant.interrupted")) == 2
        heard = [e["heard"] for e in talk.of("assistant.interrupted")]
        assert [m[1:] for m in talk.history()] == [
            (QUESTION, False),
            (heard[0], True),
            ("stop that", False),
            (heard[1], True),
            ("no really stop", False),
            ("Fine.", False),
        ]

    async def test_a_turn_after_the_end_of_the_reply_interrupts_nothing(self) -> None:
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (3, False), (0.5, True), (3, False)]),
            stt=FakeStt([QUESTION, "thank you"]),
            llm=FakeLlm([["Noon."], ["Welcome."]]),
        )
        assert "assistant.interrupted" not in talk.types()
        assert words_of(talk) == ["Noon.", "Welcome."]

    async def test_who_speaks_while_the_reply_is_prepared_never_hears_it(self) -> None:
        llm = FakeLlm([["Too ", "late."], ["Both ", "then."]], first=1.0)
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (0.9, False), (0.8, True), (5, False)]),
            stt=FakeStt([QUESTION, "and in rome"]),
            llm=llm,
        )
        assert talk.types().count("assistant.speech_started") == 1
        assert talk.history() == [
            ("user", "what time is it and in rome", False),
            ("assistant", "Both then.", False),
        ]

    async def test_a_cough_while_the_reply_is_prepared_only_holds_it_up(self) -> None:
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (0.5, False), (0.3, True), (5, False)]),
            stt=FakeStt([QUESTION, ""]),
            llm=FakeLlm([["Noon ", "it is."]], first=1.0),
        )
        assert words_of(talk) == ["Noon it is."]
        assert "assistant.interrupted" not in talk.types()

    @pytest.mark.parametrize(("gap", "heard"), [(0.75, "Shall I go on?"), (0.55, "Shall I go")])
    async def test_a_yeah_that_answers_a_question_is_a_turn(self, gap: float, heard: str) -> None:
        """After the question's end, or so late in it that it was clear."""
        reply = ["Shall ", "I ", "go ", "on?"]
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (gap, False), (0.3, True), (4, False)]),
            stt=PartialStt([(0, QUESTION)], [(0.5, "yeah")]),
            llm=FakeLlm([reply, ["Good."]]),
        )
        assert [m[:2] for m in talk.history()][1:] == [
            ("assistant", heard),
            ("user", "yeah"),
            ("assistant", "Good."),
        ]


class StubbornTts(FakeTts):
    """Does not let go of an utterance for two seconds."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with super().open() as utterance:
            try:
                yield utterance
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(2)


class MuteTts(FakeTts):
    """Yields no sound at all."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Any, None]:
        async with super().open() as utterance:
            utterance.speech = nothing(utterance.speech)
            yield utterance


async def nothing(speech: AsyncGenerator[Speech, None]) -> AsyncGenerator[Speech, None]:
    async for _ in speech:
        pass
    if False:
        yield Speech(np.zeros(0, np.float32))


class TestEngines:
    async def test_a_voice_that_ignores_cancellation_delays_neither_silence_nor_the_next_turn(
        self,
    ) -> None:
        async def talk_with(tts: FakeTts) -> Conversation:
            return await converse(
                over_the_story(1),
                stt=FakeStt([QUESTION, "stop that"]),
                llm=FakeLlm([STORY, ["Fine."]], between=0.15),
                tts=tts,
            )

        stubborn, usual = await talk_with(StubbornTts()), await talk_with(FakeTts())
        for moment in ("assistant.interrupted", "turn.committed", "assistant.speech_started"):
            times = [stubborn.time(moment, -1), usual.time(moment, -1)]
            assert times[0] == pytest.approx(times[1], abs=0.001)

    async def test_three_replies_without_a_sound_and_the_voice_is_said_to_be_unusable(self) -> None:
        talk = await converse(
            Scripted([*[(1, False), (0.6, True)] * 4, (3, False)]),
            stt=FakeStt([QUESTION] * 4),
            llm=FakeLlm([["Noon."]] * 8),
            tts=MuteTts(),
        )
        codes = [error["code"] for error in talk.of("error")]
        assert codes.count("tts.unusable") == 1
        assert talk.types().count("turn.committed") == 4
        assert words_of(talk) == []

    async def test_a_reply_of_which_nothing_can_be_said_ends_the_turn(self) -> None:
        talk = await converse(
            Scripted([(1, False), (0.6, True), (2, False), (0.6, True), (3, False)]),
            stt=FakeStt([QUESTION, QUESTION]),
            llm=FakeLlm([["🎉"], ["Noon."]]),
        )
        assert "error" not in talk.types()
        assert [done["text"] for done in talk.of("assistant.done")] == ["🎉", "Noon."]
        assert words_of(talk) == ["Noon."]


class TestSilence:
    async def test_a_long_one_is_asked_about_and_then_left_alone(self) -> None:
        talk = await converse(
            Scripted([(1, False), (0.6, True), (60, False), (0.6, True), (4, False)]),
            stt=FakeStt([QUESTION, "yes i am here"]),
            llm=FakeLlm([["Noon."], ["Good."]]),
            config={"idle": {"after": 10, "prompt": "Are you there?"}},
        )
        assert words_of(talk) == ["Noon.", "Are you there?", "Good."]
        assert [d for d in talk.decisions() if d in ("idle", "sleep", "wake")] == [
            *("idle", "sleep"),
            "wake",
        ]
        times = [t for t, e in talk.events if e.get("what") in ("idle", "sleep")]
        assert times[0] == pytest.approx(talk.time("assistant.done") + 10, abs=0.1)
        assert times[1] == pytest.approx(talk.time("assistant.done", 1) + 10, abs=0.1)

    async def test_a_reply_that_is_late_gives_a_sign_of_life(self) -> None:
        talk = await converse(
            one_turn(after=8),
            stt=FakeStt([QUESTION]),
            llm=FakeLlm([["Noon."]], first=5.0),
            config={"thinking": {"after": 2}},
        )
        sign = talk.time("turn.committed") + 2
        assert talk.first_sound() == pytest.approx(sign, abs=0.04)
        assert talk.level(sign, sign + 1) < 0.2  # soft
        assert talk.first_sound(after=sign + 1) == pytest.approx(
            talk.time("assistant.speech_started"), abs=0.04
        )
        assert words_of(talk) == ["Noon."]

    async def test_the_sign_can_be_words_and_gives_way_to_the_reply(self) -> None:
        talk = await converse(
            one_turn(after=8),
            stt=FakeStt([QUESTION]),
            llm=FakeLlm([["Noon ", "it is."]], first=3.0),
            config={"thinking": {"after": 2, "say": "let me think about that for a while"}},
        )
        sign = talk.time("turn.committed") + 2
        assert talk.level(sign + 0.04, sign + 0.5) == pytest.approx(0.25, abs=0.001)
        start = talk.time("assistant.speech_started")
        assert talk.level(0, start - 0.02) <= 0.26
        assert talk.level(start + 0.04, start + 9) <= 0.26
        assert talk.last_sound() <= talk.time("assistant.speech_started") + 3 * WORD + 0.05
        assert words_of(talk) == ["Noon it is."]

    async def test_a_quick_reply_gives_none(self) -> None:
        talk = await converse(one_turn(), stt=FakeStt([QUESTION]), llm=FakeLlm([["Noon."]]))
        assert "filler" not in talk.decisions()
        assert len([1 for _, pcm in talk.sound if pcm.any()]) <= WORD * TTS_RATE / 240 + 2


class TestTools:
    """`tests.agent.toys:slow_lookup` takes two seconds and keeps a list of its calls."""

    CONFIG: dict[str, Any] = {"tools": ["tests.agent.toys:slow_lookup"]}  # noqa: RUF012
    CALL = ToolCall("1", "slow_lookup", '{"what": "rome"}')

    @pytest.fixture(autouse=True)
    def fresh(self) -> None:
        toys.looked_up.clear()

    async def test_what_one_says_may_be_meant_to_be_heard_out(self) -> None:
        talk = await converse(
            Scripted([(0.5, False), (0.5, True), (1.2, False), (0.8, True), (6, False)]),
            stt=FakeStt(["please book it now", "no wait please"]),
            llm=FakeLlm([[ToolCall("1", "book", "{}")], ["Too ", "late."]]),
            config={"tools": ["tests.agent.toys:book"]},
        )
        assert "assistant.interrupted" not in talk.types()
        assert [m[:2] for m in talk.history()][-3:] == [
            ("assistant", "It has been booked and paid with your usual card."),
            ("user", "no wait please"),
            ("assistant", "Too late."),
        ]

    async def test_none_runs_before_the_turn_is_committed(self) -> None:
        talk = await converse(
            Scripted([(1, False), (1, True), (0.6, False), (1, True), (8, False)]),
            stt=FakeStt([["i would like to go to", "i would like to go to rome"]]),
            llm=FakeLlm([[self.CALL], [self.CALL], ["Sunny ", "there."]]),
            config=self.CONFIG,
        )
        assert toys.looked_up == ["rome"]
        (called,) = (t for t, e in talk.events if e["type"] == "tool.called")
        assert called >= talk.time("turn.committed")
        assert [m[:2] for m in talk.history()] == [
            ("user", "i would like to go to rome"),
            ("assistant", ""),
            ("tool", "sunny in rome"),
            ("assistant", "Sunny there."),
        ]

    async def test_one_that_runs_when_the_user_interrupts_finishes_and_is_not_run_again(
        self,
    ) -> None:
        llm = FakeLlm([["One ", "moment. ", self.CALL], ["Sunny."], ["As ", "I ", "said."]])
        talk = await converse(
            Scripted([(0.5, False), (1, True), (1, False), (1, True), (9, False)]),
            stt=FakeStt(["how is it in rome", "please hurry up now"]),
            llm=llm,
            config=self.CONFIG,
        )
        assert toys.looked_up == ["rome"]
        assert len(talk.of("tool.returned")) == 1
        assert talk.time("tool.returned") > talk.time("assistant.interrupted")
        assert ("tool", "sunny in rome", False) in talk.history()
