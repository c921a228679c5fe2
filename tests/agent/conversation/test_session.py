"""Whole conversations on a virtual clock: order, time, what was heard, and what fails."""

from typing import Any

import numpy as np
import pytest
from trio.testing import MockClock

from llm_adapters import LanguageModelError, Message
from stt import SpeechToTextError
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import TTS_RATE, WORD, FakeLlm, FakeStt, FakeTts, Scripted
from tts import SpokenTurn

pytestmark = pytest.mark.anyio

APOLOGY = "Sorry, something went wrong. Please try again."


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_one_turn_from_speech_to_speech() -> None:
    talk = await converse(
        Scripted([(1, False), (1, True), (2, False)]),
        stt=FakeStt(["hello there"], delay=0.1),
        llm=FakeLlm([["Hi ", "you ", "there."]], first=0.2),
        tts=FakeTts(delay=0.05),
    )
    assert talk.types() == [
        "session.started",
        "user.speech_started",
        "user.speech_stopped",
        "user.transcript",
        "turn.committed",
        "assistant.text",
        "assistant.text",
        "assistant.text",
        "assistant.speech_started",
        "turn.latency",
        "assistant.done",
        "session.ended",
    ]
    assert talk.history() == [("user", "hello there", False), ("assistant", "Hi you there.", False)]
    assert talk.of("session.ended") == [{"type": "session.ended", "reason": "finished"}]
    assert talk.of("assistant.done")[0]["text"] == "Hi you there."


async def test_latency_is_where_the_time_went() -> None:
    talk = await converse(
        Scripted([(1, False), (1, True), (2, False)]),
        stt=FakeStt(["hello"], delay=0.1),
        llm=FakeLlm([["Hi ", "you ", "there."]], first=0.2),
        tts=FakeTts(delay=0.05),
        config={"turn": {"detector": "silence", "silence": 0.5, "speculate": "off"}},
    )
    (latency,) = talk.of("turn.latency")
    assert 500 <= latency["endpoint_ms"] <= 500 + 32 + 20
    assert latency["stt_ms"] == pytest.approx(100, abs=1)
    assert latency["llm_ttft_ms"] == pytest.approx(200, abs=1)
    assert latency["tts_ttfa_ms"] == pytest.approx(50, abs=1)
    assert 0 <= latency["playback_ms"] <= 25  # the next block of the speaker
    parts = sum(v for k, v in latency.items() if k.endswith("_ms") and k != "total_ms")
    assert latency["total_ms"] == pytest.approx(parts, abs=0.5)


async def test_the_recogniser_hears_the_turn_with_what_came_before_it() -> None:
    stt = FakeStt(["hello"])
    await converse(Scripted([(1, False), (1, True), (2, False)]), stt=stt, llm=FakeLlm([["Hi."]]))
    # 0.3 s of pre-roll, 1 s of speech, 0.1 s of the pause, to the nearest windows and blocks.
    assert stt.heard_s[0] == pytest.approx(1.4, abs=0.06)


async def test_barge_in_is_silent_at_once_and_remembers_what_was_heard() -> None:
    reply = [f"word{n} " for n in range(40)]
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2.5, False), (1, True), (3, False)]),
        stt=FakeStt(["tell me a story", "stop that"]),
        llm=FakeLlm([list(reply), ["Fine."]]),
    )
    (interrupted,) = talk.of("assistant.interrupted")
    decided = talk.time("assistant.interrupted")
    # The decision: a quarter of a second of voice, to the window and the microphone's block.
    assert 3.5 + 0.25 <= decided <= 3.5 + 0.25 + 0.032 + 0.02
    # P4: one block of the device (20 ms) plus a fade of 5 ms, until the next reply.
    assert talk.last_sound(before=talk.time("turn.committed", 1)) <= decided + 0.02 + 0.005
    # P3: exactly the words whose audio left the speaker.
    played = talk.last_sound(before=talk.time("turn.committed", 1)) - talk.first_sound()
    heard = interrupted["heard"].split()
    assert len(heard) in (int(played / WORD), int((played + 0.005) / WORD))
    assert heard == [f"word{n}" for n in range(len(heard))]
    assert heard + interrupted["unheard"].split() == [word.strip() for word in reply]
    assert talk.history() == [
        ("user", "tell me a story", False),
        ("assistant", interrupted["heard"], True),
        ("user", "stop that", False),
        ("assistant", "Fine.", False),
    ]


async def test_the_next_model_call_knows_only_what_was_heard() -> None:
    llm = FakeLlm([[f"word{n} " for n in range(40)], ["Fine."]])
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2.5, False), (1, True), (3, False)]),
        stt=FakeStt(["tell me a story", "stop that"]),
        llm=llm,
    )
    heard = talk.of("assistant.interrupted")[0]["heard"]
    assert llm.asked[1][1:] == (
        Message("user", "tell me a story"),
        Message("assistant", heard, interrupted=True),
        Message("user", "stop that"),
    )


@pytest.mark.parametrize(("first", "delay"), [(5.0, 0.0), (0.0, 5.0)])
async def test_interrupted_before_a_sound_nothing_was_said(first: float, delay: float) -> None:
    llm = FakeLlm([["Too ", "late."], ["Fine."]], first=first)
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (1.5, False), (1, True), (9, False)]),
        stt=FakeStt(["what time is it", "never mind"]),
        llm=llm,
        tts=FakeTts(delay=delay),
    )
    (interrupted,) = talk.of("assistant.interrupted")
    assert interrupted["heard"] == ""
    assert len(talk.of("assistant.speech_started")) == 1
    assert talk.history() == [
        ("user", "what time is it never mind", False),
        ("assistant", "Fine.", False),
    ]


async def test_an_empty_transcript_is_no_turn() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2, False)]), stt=FakeStt(["  "]), llm=FakeLlm([])
    )
    assert "turn.committed" not in talk.types()
    assert talk.history() == []
    assert not any(pcm.any() for _, pcm in talk.sound)


async def test_a_short_word_over_the_reply_takes_the_turn_once_it_is_understood() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2, False), (0.2, True), (3, False)]),
        stt=FakeStt(["tell me a story", "stop"]),
        llm=FakeLlm([[f"word{n} " for n in range(40)], ["Fine."]]),
    )
    assert [m[:2] for m in talk.history()][2:] == [("user", "stop"), ("assistant", "Fine.")]


async def test_a_model_that_fails_apologises_and_the_session_goes_on() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (5, False), (0.5, True), (3, False)]),
        stt=FakeStt(["one", "two"]),
        llm=FakeLlm([[LanguageModelError("nothing answers")]] * 2 + [["Two ", "it is."]]),
    )
    (error,) = talk.of("error")
    assert error["stage"] == "llm"
    assert error["message"] == "nothing answers"
    assert error["recovered"] is True
    assert [done["text"] for done in talk.of("assistant.done")] == [APOLOGY, "Two it is."]


async def test_a_model_that_dies_in_mid_sentence_keeps_what_was_said() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (6, False)]),
        stt=FakeStt(["one"]),
        llm=FakeLlm([["The ", "answer ", "is ", LanguageModelError("connection lost")]] * 2),
    )
    assert talk.of("error")[0]["message"] == "connection lost"
    assert talk.history()[1] == ("assistant", f"The answer is  … {APOLOGY}", False)


async def test_an_empty_reply_is_an_error_with_an_apology() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (5, False)]),
        stt=FakeStt(["one"]),
        llm=FakeLlm([[], []]),
    )
    assert "empty reply" in talk.of("error")[0]["message"]
    assert talk.of("assistant.done")[0]["text"] == APOLOGY


async def test_a_voice_that_fails_apologises_with_its_next_breath() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (6, False)]),
        stt=FakeStt(["one"]),
        llm=FakeLlm([["The ", "answer ", "is ", "two."]]),
        tts=FakeTts(fail_at=2),
        config={"turn": {"speculate": "llm"}},
    )
    (error,) = talk.of("error")
    assert (error["stage"], error["message"]) == ("tts", "RuntimeError: the voice broke")
    assert talk.history()[1] == ("assistant", f"The answer {APOLOGY}", True)


async def test_a_recogniser_that_fails_apologises_and_the_session_goes_on() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (5, False), (0.5, True), (3, False)]),
        stt=FakeStt([SpeechToTextError("out of memory"), "two"]),
        llm=FakeLlm([["Two ", "it is."]]),
    )
    assert talk.of("error")[0]["stage"] == "stt"
    assert [done["text"] for done in talk.of("assistant.done")] == [APOLOGY, "Two it is."]


async def test_a_greeting_is_spoken_first_and_can_be_interrupted() -> None:
    talk = await converse(
        Scripted([(1, False), (0.5, True), (3, False)]),
        stt=FakeStt(["hello"]),
        llm=FakeLlm([["Hi."]]),
        config={"agent": {"greeting": "one two three four five six seven eight nine ten"}},
    )
    heard = talk.of("assistant.interrupted")[0]["heard"]
    assert heard.startswith("one two three")
    assert "ten" not in heard
    assert talk.history()[0] == ("assistant", heard, True)


async def test_a_microphone_that_stops_in_mid_speech_ends_the_turn() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True)], stall=5),
        stt=FakeStt(["hello"]),
        llm=FakeLlm([["Hi."]]),
    )
    assert 2.0 <= talk.time("user.speech_stopped") <= 2.1
    assert talk.history()[-1] == ("assistant", "Hi.", False)


# 600 s is ten times 60 s: what follows the last cut is silence.
@pytest.mark.parametrize(
    ("length", "limit"), [(118, 12), pytest.param(600, 60, marks=pytest.mark.long)]
)
async def test_a_monologue_is_cut_said_so_and_answered_once_with_all_of_it(
    length: int, limit: int
) -> None:
    stt = FakeStt([*(f"part {n}" for n in range(10)), ""])
    llm = FakeLlm([["I see."]])
    talk = await converse(
        Scripted([(0.5, False), (length, True), (3, False)]),
        stt=stt,
        llm=llm,
        config={"turn": {"max_length": limit}},
    )
    cuts = talk.of("warning")
    assert [cut["code"] for cut in cuts] == ["turn.cut"] * len(cuts)
    assert len(cuts) == length // limit
    assert max(stt.heard_s) <= limit + 1
    assert sum(stt.heard_s) == pytest.approx(length + 0.4, abs=0.2)
    assert len(talk.of("assistant.done")) == 1
    assert llm.asked[0][1].content == " ".join(f"part {n}" for n in range(10))


async def test_a_second_turn_while_the_first_reply_sounds_does_not_overlap() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2, False), (0.6, True), (4, False)]),
        stt=FakeStt(["one", "two"]),
        llm=FakeLlm([[f"word{n} " for n in range(40)], ["Done."]]),
    )
    assert max(float(np.abs(pcm).max()) for _, pcm in talk.sound) <= 0.27  # never the sum of two
    assert talk.types().count("assistant.done") == 1


class RememberingTts(FakeTts):
    """A voice that is told how the turns sounded."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[SpokenTurn] = []

    def remember(self, turn: SpokenTurn) -> None:
        self.turns.append(turn)


async def test_a_voice_that_remembers_is_told_what_was_heard_in_order() -> None:
    tts = RememberingTts()
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (2.5, False), (1, True), (3, False)]),
        stt=FakeStt(["tell me", "stop that"]),
        llm=FakeLlm([[f"word{n} " for n in range(40)], ["Fine."]]),
        tts=tts,
    )
    assert [turn.speaker for turn in tts.turns] == ["user", "agent", "user", "agent"]
    assert [" ".join(word.text for word in turn.words) for turn in tts.turns] == [
        "tell me",
        talk.of("assistant.interrupted")[0]["heard"],
        "stop that",
        "Fine.",
    ]
    user, interrupted, _, done = tts.turns
    assert len(user.pcm) / user.sample_rate == pytest.approx(0.9, abs=0.06)
    # Of the interrupted reply what left the speaker; of the other one all of it.
    played = talk.last_sound(before=talk.time("turn.committed", 1)) - talk.first_sound()
    assert len(interrupted.pcm) / TTS_RATE == pytest.approx(played, abs=0.006)
    assert len(done.pcm) == WORD * TTS_RATE
