"""A tool in a live conversation: sound cards, Whisper, the real command, a server over HTTP."""

import signal
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.e2e.test_conversation import CONFIG, RATE, parley_talk, say
from tests.llm_adapters import strange  # noqa: F401  (adds its behaviours to the server's)
from tests.llm_adapters.chat_server import serving
from tests.paths import ASSETS
from tests.soundcards import SoundCards, Tape

pytestmark = pytest.mark.anyio

WHISPER = ASSETS / "tiny_whisper"
SETTINGS = """
stt: {{engine: whisper, model: "{model}", device: cpu}}
llm: {{adapter: openai, base_url: "{url}", model: timer, api_key: none}}
tools: [timer]
session: {{save: "{folder}"}}
"""


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time."""
    return "asyncio"


async def test_a_timer_is_set_and_speaks_up(soundcards: SoundCards, tmp_path: Path) -> None:
    tape = Tape()
    with serving() as server:
        settings = CONFIG + SETTINGS.format(model=WHISPER, url=server.url, folder=tmp_path / "kept")
        async with (
            parley_talk(tmp_path, soundcards, settings) as (process, log),
            soundcards.speaker.record(RATE) as recording,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(tape.record, recording)
            await log.until("session.started")
            await say(soundcards, "command_timer")
            await log.until("assistant.done", text="Three seconds it is.")
            heard_from = len(tape.parts)
            await log.until("assistant.done", text="Your tea is ready.")
            tasks.cancel_scope.cancel()
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0

    (called,), (returned,) = log.of("tool.called"), log.of("tool.returned")
    assert called["name"] == "timer"
    assert returned["result"].startswith("set: in 3 seconds")
    assert returned["t"] - called["t"] < 0.1
    announced = log.of("assistant.speech_started")[1]
    assert 3.0 <= announced["t"] - called["t"] < 5.0
    assert np.abs(np.concatenate(tape.parts[heard_from:])).max() > 0.1
    # The model heard what was asked, and saw what came of it.
    first, second = server.exchanges[-2:]
    assert first.body["messages"][-1]["content"] == "set a timer for ten minutes"
    assert second.body["messages"][-1]["content"] == returned["result"]
    assert not log.of("error")
