"""What a client wants of the transcription, and what it is told of the words."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from trio.testing import MockClock

from stt import SpeechToTextError
from tests.agent.fakes import FakeRecognition, FakeStt
from tests.agent.server.realtime.served import PartialStt, an_agent, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@dataclass
class AdjustableStt(FakeStt):
    """Notes with what each utterance was to be recognised; it knows English and French."""

    wanted: list[dict[str, Any]] = field(default_factory=list)

    def listen_with(self, **options: Any) -> AbstractAsyncContextManager[FakeRecognition]:
        if options["language"] not in (None, "en", "fr"):
            raise SpeechToTextError(f"it does not know the language {options['language']}")
        return self._wanted(options)

    @asynccontextmanager
    async def _wanted(self, options: dict[str, Any]) -> AsyncGenerator[FakeRecognition]:
        async with self.listen() as recognition:
            self.wanted.append(options)
            yield recognition


def transcription(**wishes: Any) -> dict[str, Any]:
    return {"input": {"transcription": {"model": "whisper-1", **wishes}}}


async def test_language_and_prompt_reach_the_recogniser_from_the_next_turn_on() -> None:
    stt = AdjustableStt(["one", "deux", "three"])
    async with connected(an_agent([["Yes."]] * 3, stt=stt)) as client:
        await client.speak((0.5, False), (0.5, True), (2, False))
        client.update(audio=transcription(language="fr-FR", prompt="Parley", keywords=["Dia2"]))
        told = client.of("session.updated")[-1]["session"]["audio"]["input"]["transcription"]
        assert (told["language"], told["prompt"]) == ("fr-FR", "Parley")
        await client.speak((0.5, True), (2, False))
        client.update(audio={"input": {"transcription": None}})
        await client.speak((0.5, True), (2, False))
        await client.until("response.done", 3)
    assert stt.wanted == [{"language": "fr", "prompt": "Parley Dia2", "partials": True}]
    assert len(stt.heard_s) == 3


async def test_sessions_do_not_share_what_they_want() -> None:
    stt = AdjustableStt(["one"])
    agent = an_agent([["Yes."]], stt=stt)
    async with connected(agent) as first, connected(agent) as second:
        first.update(audio=transcription(language="fr"))
        await second.speak((0.5, False), (0.5, True), (2, False))
        await second.until("response.done")
    assert stt.wanted == []


async def test_a_language_that_the_recogniser_does_not_know_changes_nothing() -> None:
    stt = AdjustableStt(["one"])
    async with connected(an_agent([["Yes."]], stt=stt)) as client:
        client.update(audio=transcription(language="en"))
        client.update(audio=transcription(language="xx"), instructions="Never.")
        error = (await client.until("error"))["error"]
        assert error["param"] == "session.audio.input.transcription.language"
        client.update()
        session = client.of("session.updated")[-1]["session"]
        assert session["instructions"] != "Never."
        assert session["audio"]["input"]["transcription"]["language"] == "en"
        await client.speak((0.5, False), (0.5, True), (2, False))
        await client.until("response.done")
    assert [each["language"] for each in stt.wanted] == ["en"]


async def test_a_recogniser_that_takes_no_wishes_says_so_in_the_effective_session() -> None:
    async with connected(an_agent()) as client:
        client.update(audio=transcription(language="fr", prompt="Parley"))
        session = client.of("session.updated")[-1]["session"]
        assert session["audio"]["input"]["transcription"] == {"model": "whisper-1"}


async def test_a_key_with_a_language_that_is_not_known_begins_a_session_that_says_so() -> None:
    stt = AdjustableStt([])
    given = {"audio": transcription(language="xx")}
    async with connected(an_agent(stt=stt), session=given) as client:
        error = (await client.until("error"))["error"]
        assert error["param"] == "session.audio.input.transcription.language"
        assert client.of("session.created")[0]["session"]["audio"]["input"]["transcription"] is None


async def test_deltas_hold_back_words_that_may_still_change() -> None:
    partials = ["what tie", "what time is", "what time is it", "what time is it now"]
    async with connected(an_agent([["Noon."]], stt=PartialStt(partials))) as client:
        client.update(audio=transcription())
        await client.speak((0.5, False), (1, True), (2, False))
        await client.until("response.done")
    of = "conversation.item.input_audio_transcription"
    completed = client.of(f"{of}.completed")[0]
    assert completed["transcript"] == "what time is it now"
    deltas = client.of(f"{of}.delta")
    assert deltas
    assert completed["transcript"].startswith("".join(each["delta"] for each in deltas))
    assert {each["item_id"] for each in deltas} == {completed["item_id"]}
