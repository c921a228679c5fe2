"""A server that answers without end costs no memory, and is one clear error."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from itertools import count

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from agent.config.engines import LLM
from agent.doctor.checks_llm import endpoint
from llm_adapters import LanguageModelError, Message, TextDelta, ToolSpec
from llm_adapters import discover as discovery
from llm_adapters.openai import http
from llm_adapters.openai.adapter import OpenAI
from llm_adapters.openai.lines import LONGEST_LINE, LineReader, LineTooLongError
from stt import SpeechToTextError
from stt.openai import OpenAI as Transcriber
from tests.faults.hostile import (
    JSON,
    MB,
    STREAM,
    Body,
    bomb,
    bounded_memory,
    endless,
    head,
    serving,
)

pytestmark = pytest.mark.anyio

TOOLS = [ToolSpec("add", "Add.", {"type": "object", "properties": {}})]


def event(**delta: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


def call(arguments: str) -> dict[str, object]:
    return {"index": 0, "id": "c", "function": {"name": "add", "arguments": arguments}}


def many_calls() -> Iterator[bytes]:
    for number in range(40_000):
        yield event(tool_calls=[{**call(""), "index": number, "id": f"c{number}"}])


def informational() -> Iterator[bytes]:
    for _ in count():
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


ENDLESS = "sent an answer without end"
NO_STREAM = "sent something that is no stream of events"
TOO_LONG = r"did not end its reply .*set llm\.max_tokens"
GZIP = "Content-Encoding: gzip"

ANSWERS: dict[str, tuple[bytes, Body, str]] = {
    "json": (head(JSON), endless(b"e"), ENDLESS),
    "json, compressed": (head(JSON, "200 OK", GZIP), bomb(), ENDLESS),
    "lists": (head(JSON), endless(b"[],", b"["), ENDLESS),
    "an error": (head("text/plain", "500 X"), endless(b"e"), r"failed \(500\): e+…"),
    "a refusal": (head(JSON, "400 X"), endless(b"e"), r"rejects the request \(400\): e+…"),
    "an error, compressed": (head(JSON, "500 X", GZIP), bomb(b"e"), r"failed \(500\): e+…"),
    "a line": (head(STREAM), endless(b"x"), NO_STREAM),
    "an event": (head(STREAM), endless(b"x", b"data: "), NO_STREAM),
    "a line, compressed": (head(STREAM, "200 OK", GZIP), bomb(), NO_STREAM),
    "arguments": (head(STREAM), endless(event(tool_calls=[call("y" * 9000)])), TOO_LONG),
    "calls": (head(STREAM), many_calls, TOO_LONG),
    "words": (head(STREAM), endless(event(content="word " * 1000)), TOO_LONG),
    "a thought": (
        head(STREAM),
        endless(event(content="word " * 999), event(content="<think>")),
        TOO_LONG,
    ),
    "headers": (b"HTTP/1.1 200 OK\r\n", endless(b"X-A: b\r\n"), "closed the connection"),
    "a header": (b"HTTP/1.1 200 OK\r\nX-A: ", endless(b"b"), "closed the connection"),
    "a trailer": (
        head(STREAM, "200 OK", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n",
        endless(b"X-A: b\r\n"),
        "closed the connection",
    ),
    "a redirect": (head(JSON, "302 Found", "Location: /v1"), endless(b"e"), ENDLESS),
}


async def ask(url: str, **options: float) -> str:
    """What it says, without keeping it: characters, and the error."""
    llm = OpenAI(model="m", base_url=url, retries=0, **options)  # type: ignore[arg-type]
    try:
        async with aclosing(llm.reply([Message("user", "Hello?")], TOOLS)) as reply:
            async for item in reply:
                assert not isinstance(item, TextDelta) or len(item.text) <= LONGEST_LINE
    except LanguageModelError as error:
        return str(error)
    finally:
        await llm.aclose()
    return ""


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_language_model(kind: str) -> None:
    answer, body, message = ANSWERS[kind]
    with serving(answer, body) as url:
        await ask("http://127.0.0.1:9/v1")  # what is imported is imported
        with bounded_memory(), anyio.fail_after(20):
            error = await ask(url)
        assert error.startswith(url)
        assert re.search(message, error), error
        assert len(error.splitlines()) == 1
        assert len(error) < 400


async def test_a_reply_of_thoughts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is kept, so only the bytes are counted."""
    monkeypatch.setattr(http, "MAX_STREAM", 4 * MB)
    thoughts = endless(event(reasoning_content="hm " * 3000))
    with serving(head(STREAM), thoughts) as url, bounded_memory():
        assert ENDLESS in await ask(url)


async def test_answers_that_only_announce_one() -> None:
    with serving(b"", informational) as url, bounded_memory():
        error = await ask(url, first_token_timeout=0.5)
    assert "sent no reply within 0.5 s" in error


TRANSCRIPTS: dict[str, tuple[bytes, Body, str]] = {
    "json": (head(JSON), endless(b"e"), ENDLESS),
    "json, compressed": (head(JSON, "200 OK", GZIP), bomb(), ENDLESS),
    "nested": (head(JSON), lambda: [b"[" * MB], "sent no transcript"),
    "an error": (head("text/plain", "500 X"), endless(b"e"), "answered 500: Error code: 500"),
    "a line": (head(STREAM), endless(b"x", b"data: "), ENDLESS),
    "words": (
        head(STREAM),
        endless(b'data: {"delta": "' + b"word " * 999 + b'"}\n\n'),
        "it has no end",
    ),
    "no words": (head(STREAM), endless(b"data: 3\n\n"), "it is no JSON object"),
}


@pytest.mark.parametrize("kind", TRANSCRIPTS)
async def test_a_recogniser(kind: str) -> None:
    answer, body, message = TRANSCRIPTS[kind]
    speech = np.zeros(16000, np.float32)
    with serving(answer, body) as url:
        engine = Transcriber(base_url=url, retries=0)
        await engine.load()
        with (
            bounded_memory(),
            anyio.fail_after(20),
            pytest.raises(SpeechToTextError, match=message) as raised,
        ):
            await engine.transcribe(speech)
        await engine.aclose()
    assert len(str(raised.value)) < 500


LISTS: dict[str, tuple[bytes, Body]] = {
    "json": (head(JSON), endless(b"e")),
    "json, compressed": (head(JSON, "200 OK", GZIP), bomb()),
    "nested": (head(JSON), lambda: [b"[" * MB]),
    "headers": (b"HTTP/1.1 200 OK\r\n", endless(b"X-A: b\r\n")),
    "a header": (b"HTTP/1.1 200 OK\r\nX-A: ", endless(b"b")),
}


@pytest.mark.parametrize("kind", LISTS)
async def test_the_doctor(kind: str) -> None:
    with serving(*LISTS[kind]) as url:
        section = LLM.validate({"adapter": "openai", "model": "m", "base_url": url})
        with bounded_memory(), anyio.fail_after(20):
            finding = await endpoint(section)
    assert finding.state == "missing"
    assert url in finding.detail


@pytest.mark.parametrize("kind", LISTS)
async def test_the_search_for_a_language_model(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(*LISTS[kind]) as url:
        monkeypatch.setattr(discovery, "SERVERS", {"Hostile": int(url.split(":")[2].split("/")[0])})
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        with bounded_memory(), anyio.fail_after(20):
            assert await discovery.discover() == []


async def test_lines_come_out_as_they_went_in() -> None:
    """However they are cut; and a million blank ones hold nobody up."""
    lines = [b"data: one", b"", b": two", b"x" * 5000, b"data: three"]
    text = b"\r\n".join(lines)
    for size in (1, 7, 4096, len(text)):

        async def pieces(size: int = size) -> AsyncIterator[bytes]:
            for start in range(0, len(text), size):
                yield text[start : start + size]
            yield b""

        reader = LineReader(pieces())
        assert [line async for line in all_of(reader) if line] == [line for line in lines if line]
        assert reader.at_end


async def all_of(reader: LineReader) -> AsyncIterator[bytes]:
    while (line := await reader.next()) is not None:
        yield line


async def test_others_have_their_turn_while_lines_are_read() -> None:
    turns = 0

    async def body() -> AsyncIterator[bytes]:
        yield b": x\n" * 10_000

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        assert len([line async for line in all_of(LineReader(body()))]) == 10_000
        tasks.cancel_scope.cancel()
    assert turns > 100


async def test_a_line_has_a_limit_at_its_end_too() -> None:
    async def body() -> AsyncGenerator[bytes, None]:
        yield b"x" * (LONGEST_LINE + 1) + b"\n"

    async with aclosing(body()) as pieces:
        with pytest.raises(LineTooLongError):
            await LineReader(pieces).next()
