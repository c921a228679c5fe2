"""Words of a recording while it comes, and the voice of a language that is asked for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from wyoming.asr import Transcribe, Transcript, TranscriptChunk
from wyoming.event import Event

from agent.config.load import Config
from stt import Transcript as SttTranscript
from tests.agent.fakes import FakeRecognition, FakeStt, FakeTts
from tests.agent.server.wyoming.conftest import Serving, ask, client
from tests.agent.server.wyoming.test_connection import sound

pytestmark = pytest.mark.anyio


async def test_a_long_recording_is_understood_in_parts(serving: Serving) -> None:
    stt = FakeStt(["one", "two", "three"])
    async with serving(stt=stt) as port, client(port) as home:
        events = await ask(home, *sound(100.0), until="transcript-stop")
    start, *told, event, _ = events
    assert start.type == "transcript-start"
    assert [TranscriptChunk.from_event(each).text for each in told] == ["one", " two", " three"]
    assert Transcript.from_event(event).text == "one two three"
    assert max(stt.heard_s) < 41


async def test_words_are_told_as_far_as_they_are_sure(serving: Serving) -> None:
    """And none is taken back; the context that they were asked for in comes back."""

    heard = iter(["", "turn", "turn on the", "turn on a", "turn on the light"])

    class Recognition(FakeRecognition):
        async def feed(self, pcm: NDArray[np.float32]) -> SttTranscript | None:
            await super().feed(pcm)
            return SttTranscript(text) if (text := next(heard, None)) is not None else None

    class Growing(FakeStt):
        @asynccontextmanager
        async def listen(self) -> AsyncGenerator[FakeRecognition, None]:
            yield Recognition(self)

    async with serving(stt=Growing(["turn on the light please"])) as port, client(port) as home:
        (_, *recording) = sound(0.5)
        asked = Transcribe(context={"id": 7})
        events = await ask(home, asked, *recording, until="transcript-stop")
    kinds = [each.type for each in events]
    assert kinds == ["transcript-start", *["transcript-chunk"] * 3, "transcript", "transcript-stop"]
    chunks = [TranscriptChunk.from_event(each).text for each in events[1:-2]]
    assert chunks == ["turn", " on", " the light please"]
    assert events[-2].data["text"] == "turn on the light please"
    assert events[0].data["context"] == events[-2].data["context"] == {"id": 7}


async def test_a_language_is_spoken_by_a_voice_of_it(serving: Serving) -> None:
    """As Home Assistant names it, for an assistant without a voice of its own."""
    opened: list[str] = []

    class Voices(FakeTts):
        voices = ("af_heart", "bf_emma", "jf_alpha")

        def __init__(self, name: str = "af_heart") -> None:
            super().__init__()
            self.name = name

        def in_voice(self, name: str) -> "Voices | None":
            return Voices(name) if name in self.voices else None

        def open(self) -> Any:
            opened.append(self.name)
            return super().open()

    config = Config.model_validate({"tts": {"engine": "kokoro", "voice": "af_heart"}})
    wanted = [
        *({"language": "ja"}, {"language": "en_GB"}, {"language": "en"}, {"language": "xx"}),
        *({"name": "bf_emma", "language": "ja"}, {"language": ["ja"]}),
    ]
    async with serving(tts=Voices(), config=config) as port, client(port) as home:
        for voice in wanted:
            await home.write_event(Event("synthesize", {"text": "Yes", "voice": voice}))
            await ask(home, until="audio-stop")
    assert opened == ["jf_alpha", "bf_emma", "af_heart", "af_heart", "bf_emma", "af_heart"]
