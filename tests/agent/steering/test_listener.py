"""Other processes reach a conversation, and nobody else does."""

import json
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream

from agent import ParleyError
from agent.events import AssistantInterrupted, AssistantSpeechStarted, Event
from agent.steering import listener
from agent.steering.client import NobodyRunsError, find, running, send
from agent.steering.listener import reachable
from agent.steering.steering import Steering
from tests.agent.steering.conversations import STORY, an_agent, steered

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    return path


@asynccontextmanager
async def live(
    *replies: Any, name: str = "Parley", events: list[Event] | None = None
) -> AsyncGenerator[Steering]:
    told = [] if events is None else events
    async with (
        reachable(name, "a microphone", told.append) as here,
        steered(an_agent(list(replies), [""]), name=name.lower().strip("!")) as steering,
    ):
        assert here is not None
        async with here.steered(steering):
            yield steering


async def request(command: str, to: str | None = None, **more: Any) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        return send(find(to), {"command": command, **more}, patient=True)

    return await anyio.to_thread.run_sync(ask)


async def happens(kind: type[Event], events: MemoryObjectReceiveStream[Event]) -> None:
    with anyio.fail_after(10):
        while not isinstance(await events.receive(), kind):
            pass


async def raw(data: bytes) -> bytes:
    """What comes back to whatever somebody sends."""
    async with await anyio.connect_unix(find().address) as client:
        await client.send(data)
        answer = b""
        with anyio.fail_after(10):
            try:
                while True:
                    answer += await client.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return answer


async def test_commands_and_their_answers() -> None:
    async with live(["Noon."]) as steering:
        assert await request("mute") == {"ok": True, "message": "muted"}
        assert steering.muted
        assert (await request("toggle"))["message"] == "the microphone is on"
        assert (await request("volume", change=-30))["message"] == "volume 70 %"
        assert (await request("volume"))["message"] == "volume 70 %"
        assert (await request("talk", how="start"))["message"] == "your turn"
        assert (await request("talk"))["message"] == "answering"
        assert await request("ask", text="what time is it") == {"ok": True, "message": "Noon."}
        assert (await request("say", text="Hi.", wait=False))["message"] == "at the next pause"
        assert (await request("again"))["ok"]
        assert (await request("stop"))["ok"]
        status = await request("status")
        assert status["state"]["pid"] == os.getpid()
        assert status["state"]["volume"] == 70
        assert status["message"].startswith(f"parley (process {os.getpid()}): ")
        assert (await request("reload"))["message"].startswith("this conversation has no config")


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"\n", "a request is a line of JSON"),
        (b"mute\n", "a request is a line of JSON"),
        (b"[" * 5000 + b"\n", "a request is a line of JSON"),
        (b'{"command": "mut"}\n', "there is no command 'mut', did you mean 'mute'?"),
        (b'{"command": 7}\n', "there is no command '7'"),
        (b'{"command": "say"}\n', "say: what? Give the text"),
        (b'{"command": "say", "text": "%s"}\n' % (b"a" * 9000), "at most 8000 characters"),
        (b'{"command": "talk", "how": "loud"}\n', "talk: start, end, or neither"),
        (b'{"command": "volume", "level": 101}\n', "volume: a number from 0 to 100"),
        (b'{"command": "volume", "level": true}\n', "volume: a number from 0 to 100"),
        (b"a" * 70_000, "a request has at most 65536 bytes"),
    ],
)
async def test_what_is_no_request_is_answered_in_a_line(sent: bytes, answered: str) -> None:
    async with live():
        answer = json.loads(await raw(sent))
        assert not answer["ok"]
        assert answered in answer["message"]
        assert (await request("mute"))["ok"]


async def test_who_sends_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "PATIENCE", 0.1)
    async with live():
        assert await raw(b'{"command"') == b""


async def test_clients_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CLIENTS", 2)
    async with live():
        one = await anyio.connect_unix(find().address)
        two = await anyio.connect_unix(find().address)
        async with one, two:
            assert b"try again later" in await raw(b'{"command": "mute"}\n')
            await one.send(b'{"command": "mute"}\n')
            assert b"muted" in await one.receive()


async def test_who_leaves_does_not_want_the_answer_any_more() -> None:
    async with live(STORY) as steering:
        events = steering.conversation.events()
        async with await anyio.connect_unix(find().address) as client:
            await client.send(b'{"command": "ask", "text": "a story"}\n')
            await happens(AssistantSpeechStarted, events)
        await happens(AssistantInterrupted, events)
        events.close()


async def test_the_socket_is_its_users_alone(runtime: Path) -> None:
    async with live():
        folder = runtime / "parley"
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(find().address).st_mode) == 0o600
    assert list(folder.iterdir()) == []


async def test_another_users_process_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with live() as steering:
        address = find().address
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
        monkeypatch.setattr(listener, "ROOT", 4243)
        async with await anyio.connect_unix(address) as client:
            await client.send(b'{"command": "mute"}\n')
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await client.receive()
        assert not steering.muted


async def test_a_second_one_is_told_of_the_first_and_has_a_name_of_its_own() -> None:
    events: list[Event] = []
    async with live(), reachable("Parley", "another", events.append) as second:
        assert second is not None
        assert second.name == "parley-2"
        message = events[0].record()["message"]
        assert message == (
            f"process {os.getpid()} runs as 'parley': parley ctl --to parley-2 steers this"
        )


async def test_one_of_several_is_chosen_by_its_name() -> None:
    async with live() as parley, live(name="Anna!") as anna:
        assert [each.name for each in running()] == ["anna", "parley"]
        with pytest.raises(ParleyError, match=r"several are running, anna .*: say which with --to"):
            find()
        assert (await request("mute", to="anna"))["ok"]
        assert (anna.muted, parley.muted) == (True, False)
        with pytest.raises(
            NobodyRunsError, match="no conversation 'bob' is running: there run anna"
        ):
            find("bob")


async def test_what_a_crash_left_is_taken_over(runtime: Path) -> None:
    folder = runtime / "parley"
    folder.mkdir(0o755)
    (folder / "parley.lock").write_text('{"pid": 99999999, "microphone": "None"}')
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "parley.sock"))
    with pytest.raises(NobodyRunsError, match="no conversation is running: begin one"):
        find()
    events: list[Event] = []
    async with live(events=events):
        assert find().pid == os.getpid()
        assert (await request("mute"))["ok"]
    assert events == []


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"pid": "x"}', "\0" * 9000])
async def test_a_broken_lock_file_is_nobody(runtime: Path, content: str) -> None:
    (runtime / "parley").mkdir()
    (runtime / "parley/parley.lock").write_text(content)
    with pytest.raises(NobodyRunsError):
        find()
    async with live():
        assert find().name == "parley"


async def test_a_folder_that_cannot_be_had_is_told_and_the_conversation_goes_on(
    runtime: Path,
) -> None:
    (runtime / "parley").symlink_to(runtime)
    events: list[Event] = []
    async with reachable("Parley", "a microphone", events.append) as here:
        assert here is None
    assert (
        events[0]
        .record()["message"]
        .startswith(
            f"parley ctl cannot steer this conversation: {runtime}/parley belongs to somebody else"
        )
    )


async def test_too_long_a_path_is_told_and_the_conversation_goes_on(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = runtime / ("a" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    events: list[Event] = []
    async with reachable("Parley", "a microphone", events.append) as here:
        assert here is not None
        async with steered(an_agent()) as steering, here.steered(steering):
            steering.mute()
    assert "AF_UNIX path too long" in events[0].record()["message"]


async def test_a_listener_that_breaks_is_told_and_the_conversation_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken() -> None:
        raise OSError("the pipe has been ended")

    async def opened(*_: Any) -> Any:
        return broken

    monkeypatch.setattr(listener.Reachable, "_open", opened)
    events: list[Event] = []
    async with live(["Still here."], events=events) as steering:
        assert await steering.ask("hello") == "Still here."
    assert [event.record().get("code") for event in events] == ["control.off"]
