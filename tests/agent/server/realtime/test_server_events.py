"""Every server event that the source can send is sent here, and fits OpenAI's types (`Client`)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
from openai.types.realtime import RealtimeServerEvent
from trio.testing import MockClock

import agent.server.realtime as package
from agent.audio.files import PacedSpeaker
from llm_adapters import ToolCall
from tests.agent.server.realtime.served import STORY, Client, PartialStt, an_agent, connected

pytestmark = pytest.mark.anyio

OPENAIS = {
    get_args(each.model_fields["type"].annotation)[0]
    for each in get_args(get_args(RealtimeServerEvent)[0])
}
"""The types of all events that OpenAI's server may send."""

NEVER = r"\bmcp_|dtmf|rate_limits|\.segment$|^conversation\.created$|item\.created$"
"""Of them those of what is not here: its own tools' servers, telephones, limits, the beta."""

OURS = "parley.turn_latency"
"""What clients are sent who ask for it: OpenAI has no type for it."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def talk(client: Client) -> None:
    """A spoken turn, interrupted; a failed one; silence; what a client does to items."""
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    heard = {"transcription": {"model": "x"}, "turn_detection": detection}
    client.update(audio={"input": heard}, include=["parley.latency"])
    await client.speak((0.3, False), (1.5, True), (1, False), (1, True), (1, False))
    item = (await client.until("response.done"))["response"]["output"][0]["id"]
    for what in ("retrieve", "delete", "delete"):
        client.send(f"conversation.item.{what}", item_id=item)
    await client.speak((0.3, True), (1, False))
    await client.until("conversation.item.input_audio_transcription.failed")
    client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.timeout_triggered")


async def call(client: Client) -> None:
    client.update(output_modalities=["text"], tools=[{"type": "function", "name": "lamp"}])
    client.send("response.create")
    await client.until("response.done")


async def played_here(client: Client) -> None:
    client.send("response.create")
    await client.until("output_audio_buffer.stopped")
    client.send("response.create")
    await client.until("output_audio_buffer.started", 2)
    await anyio.sleep(1)
    client.send("output_audio_buffer.clear")
    await client.until("conversation.item.truncated")


async def nothing_played(pcm: Any, when: float) -> None:
    """Let it be."""


async def test_all_of_them() -> None:
    seen: set[str] = set()
    stt = PartialStt(["tell me", "tell me a story", "tell me a story please"])
    stt.texts += ["no stop it", RuntimeError("broken"), *["more"] * 9]
    async with connected(an_agent([STORY, ["Yes."], ["Hm."], ["So?"]], stt=stt)) as client:
        await talk(client)
        seen |= set(client.types)
    async with connected(an_agent([["Well.", ToolCall("c", "lamp", "{}")]])) as client:
        await call(client)
        seen |= set(client.types)
    speaker = PacedSpeaker(24000, nothing_played)
    async with connected(an_agent([["Yes."], STORY]), speaker=speaker) as client:
        await played_here(client)
        seen |= set(client.types)
    assert {each for each in OPENAIS if not re.search(NEVER, each)} == seen - {OURS}
    missing = {each for each in patterns() if not any(re.fullmatch(each, kind) for kind in seen)}
    assert not missing
    assert OURS in seen


def patterns() -> set[str]:
    """The types of the events in the source, as regular expressions."""
    folder = Path(package.__file__).parent
    return {
        pattern
        for path in folder.glob("*.py")
        if path.name != "beta.py"
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for pattern in events_of(function)
    }


def events_of(function: ast.AST) -> Iterator[str]:
    """The types of what has a `type` with a dot in it, which is an event, or is an error."""
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names.setdefault(name, []).append(value)
            case ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=values)):
                names.setdefault(name, []).extend(values)
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "type":
                    found = strings(value, names)
                    yield from (each for each in found if r"\." in each or each == "error")


def strings(node: ast.expr, names: dict[str, list[ast.expr]]) -> list[str]:
    """What an expression may be, each a regular expression."""
    match node:
        case ast.Constant(value=str(text)):
            return [re.escape(text)]
        case ast.IfExp(body=body, orelse=orelse):
            return strings(body, names) + strings(orelse, names)
        case ast.Name(id=name) if name in names:
            others = {other: found for other, found in names.items() if other != name}
            return [text for each in names[name] for text in strings(each, others)]
        case ast.JoinedStr(values=parts):
            wholes = [""]
            for part in parts:
                inner = part.value if isinstance(part, ast.FormattedValue) else part
                wholes = [whole + each for whole in wholes for each in strings(inner, names)]
            return wholes
    return ["[a-z_]+"]


def test_the_source_is_understood() -> None:
    source = """
def tell(what):
    for which in ("added", "done"):
        kind = f"a.{which}"
        send({"type": kind})
    ending = "x.y" if what else "z"
    send({"type": f"{ending}.delta", "inner": {"type": f"b.{what}.c"}})
"""
    found = set(events_of(ast.parse(source).body[0]))
    assert found == {r"a\.added", r"a\.done", r"x\.y\.delta", r"z\.delta", r"b\.[a-z_]+\.c"}
