"""A live conversation's configuration is read again: by hand, and when a file changes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import load_with_files
from agent.conversation.reloading import reload
from agent.errors import ParleyError
from agent.events import Event
from agent.steering.reloading import Reloader
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


async def nowhere(_pcm: Any, _when: float) -> None:
    """Where nobody listens."""


class Told:
    """What was told, and that something was."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.once = anyio.Event()

    def __call__(self, event: Event) -> None:
        self.codes.append(event.record()["code"])
        self.once.set()


@asynccontextmanager
async def live(path: Path) -> AsyncGenerator[tuple[Reloader, Any, Told]]:
    """A conversation as the file says, what reloads it, and what that told."""
    told = Told()

    config, _ = load_with_files(path)
    agent = Agent(config, stt=FakeStt([]), llm=FakeLlm([]), tts=FakeTts(), vad=LoudnessVad())
    speaker = PacedSpeaker(TTS_RATE, nowhere)
    with anyio.fail_after(20):
        async with agent.start(Scripted([(60, False)]), speaker) as talk:
            apply = partial(reload, talk, agent.changing)
            yield Reloader(lambda: load_with_files(path), apply, told), talk, told


async def test_a_broken_file_changes_nothing_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("echo: off\nagent: {instructions: Old.}\n")
    async with live(path) as (reloader, talk, told):
        path.write_text("agent: {instrctions: New.}\n")
        with pytest.raises(ParleyError, match=r"did you mean 'instructions'.*before goes on"):
            await reloader.reload()
        assert talk.config.agent.instructions == "Old."
        assert told.codes == ["config.refused"]
        path.write_text("echo: off\nagent: {instructions: New.}\n")
        assert await reloader.reload() == "changed from the next turn on: agent.instructions"
        assert talk.config.agent.instructions == "New."
        path.unlink()
        with pytest.raises(ParleyError, match="no such file"):
            await reloader.reload()


@pytest.mark.parametrize("way", ["write", "replace"])
async def test_a_file_that_changes_is_taken_up_an_included_one_too(
    tmp_path: Path, way: str
) -> None:
    path, included = tmp_path / "my.yaml", tmp_path / "sub" / "who.yaml"
    included.parent.mkdir()
    included.write_text("instructions: Old.\n")
    path.write_text("echo: off\nagent: {include: sub/who.yaml}\n")
    async with live(path) as (reloader, talk, told), reloader.watching():
        other = included.with_suffix(".new")
        target = included if way == "write" else other
        target.write_text("instructions: New.\n")
        if way == "replace":  # as editors do
            other.replace(included)
        await told.once.wait()
        assert talk.config.agent.instructions == "New."
