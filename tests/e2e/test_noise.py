"""Something is heard over the agent, through (virtual) sound cards: it goes on, and loses nothing.

Only the recogniser is a fake, which hears no words where there are none.
"""

import anyio
import numpy as np
import pytest

from agent.agent import Agent
from agent.audio.microphone import DeviceMicrophone
from agent.audio.speaker import DeviceSpeaker
from agent.audio.wav import read_audio
from agent.config.load import Config
from agent.events import AssistantDone, AssistantSpeechStarted, Event
from tests.agent.fakes import TTS_RATE, WORD, FakeLlm, FakeStt, FakeTts
from tests.paths import AUDIO
from tests.soundcards import Reports, SoundCards, Tape

pytestmark = pytest.mark.anyio

WORDS = 30
SETTLED = 0.1
"""Seconds at an edge of the sound in which levels are between two others."""


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time, and turn-taking is tested on the virtual clock."""
    return "asyncio"


class Events(Reports):
    """All events, and waiting for one of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, anyio.Event] = {}
        self.seen: list[Event] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        self.seen.append(event)
        self.of(type(event)).set()

    def of(self, kind: type[Event]) -> anyio.Event:
        return self.kinds.setdefault(kind.type, anyio.Event())


async def test_a_voice_without_words_is_resumed_from(soundcards: SoundCards) -> None:
    config = Config.model_validate({"echo": "off"})
    events = Events()
    agent = Agent(
        config,
        stt=FakeStt(["what time is it", ""]),
        llm=FakeLlm([[f"word{n} " for n in range(WORDS)]] * 9),
        tts=FakeTts(),
    )
    await agent.load()
    question, rate = read_audio(AUDIO / "interruption_question.wav")
    tape = Tape()

    with anyio.fail_after(40):
        async with (
            soundcards.speaker.record(TTS_RATE) as recording,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(tape.record, recording)
            microphone = DeviceMicrophone(config.microphone, events)
            speaker = DeviceSpeaker(config.speaker, events)
            tasks.start_soon(agent.converse, microphone, speaker, events)
            await soundcards.microphone.play(question, rate)
            await events.of(AssistantSpeechStarted).wait()
            await tape.wait(1.5)  # the scenario: some words are heard
            await soundcards.microphone.play(question, rate)
            await events.of(AssistantDone).wait()
            tasks.cancel_scope.cancel()

    kinds = [event.type for event in events.seen]
    assert kinds.count("turn.committed") == 1
    assert kinds.count("assistant.interrupted") == kinds.count("assistant.resumed") >= 1
    done = next(event for event in events.seen if isinstance(event, AssistantDone))
    assert len(done.text.split()) == WORDS
    # Every word was heard whole at full level or softly, the one that was cut twice.
    loud = np.abs(np.concatenate(tape.parts)) > 0.01
    heard = np.count_nonzero(loud) / TTS_RATE
    again = kinds.count("assistant.resumed") * WORD
    assert WORDS * WORD - SETTLED <= heard <= WORDS * WORD + again + SETTLED
    await agent.aclose()
