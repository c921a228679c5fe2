"""What Home Assistant says of a recording: its language, and words that are likely."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import numpy as np
import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk

from agent.agent import Agent
from agent.config.load import Config
from agent.server.wyoming.hearing import Wish, transcribe
from stt import Recognition
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, LoudnessVad

pytestmark = pytest.mark.anyio


class Adjustable(FakeStt):
    """A recogniser of which one utterance can be wanted otherwise."""

    def __init__(self, texts: list[Any]) -> None:
        super().__init__(texts)
        self.asked: list[dict[str, Any]] = []

    def listen_with(self, **options: Any) -> AbstractAsyncContextManager[Recognition]:
        self.asked.append(options)
        return self.listen()


@pytest.mark.parametrize(
    ("request_", "wish"),
    [
        (Transcribe(), Wish()),
        (Transcribe(language="de-DE", transcript_names=["Lampe"]), Wish("de", ("Lampe",))),
        (Transcribe(language=7, transcript_terms="no list"), Wish()),  # type: ignore[arg-type]
        (Transcribe(language="../..", transcript_terms=[1, "ok"]), Wish(None, ("ok",))),  # type: ignore[list-item]
    ],
)
def test_what_is_asked_for(request_: Transcribe, wish: Wish) -> None:
    assert Wish.of(request_) == wish


async def test_the_recogniser_is_told_where_it_can_be() -> None:
    stt = Adjustable(["one", "two"])
    agent = Agent(Config(), stt=stt, llm=FakeLlm([]), tts=FakeTts(), vad=LoudnessVad())
    loud = np.full(16000, 16000, "<i2").tobytes()
    for wish in (Wish("de", ("Lampe", "Licht")), Wish()):
        send, chunks = anyio.create_memory_object_stream[AudioChunk](5)
        send.send_nowait(AudioChunk(16000, 2, 1, loud))
        send.close()
        with chunks:
            assert (await transcribe(agent, chunks, wish)).text
    assert stt.asked  # more than once: what it cannot is told before it hears
    assert all(each == {"language": "de", "prompt": "Lampe Licht"} for each in stt.asked)
    assert not stt.texts
