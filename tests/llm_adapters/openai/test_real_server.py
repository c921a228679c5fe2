"""The adapter `openai` with a real model, tiny and random, on a real server."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import openai
import pytest

from llm_adapters import Message, ReplyItem, TextDelta, ToolCall, ToolSpec, Usage
from llm_adapters.openai.adapter import OpenAI

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

PROGRAM = Path(__file__).with_name("serve_tiny.py")
QUESTION = [Message("system", "hello world"), Message("user", "the time is it")]


@dataclass(frozen=True)
class Server:
    """Where it is, and the model's name there."""

    url: str
    model: str


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("model")
    caches = tmp_path_factory.mktemp("caches")
    (caches / "hub").mkdir()
    environment = {**os.environ, "HF_HOME": str(caches), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(PROGRAM), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"running on (http://\S+)", line):
                break
        else:
            pytest.fail(said)
        # What it says besides must not fill the pipe.
        rest = threading.Thread(target=process.stderr.read)
        rest.start()
        try:
            yield Server(f"{found[1]}/v1", str(folder))
        finally:
            process.kill()
            rest.join()


@asynccontextmanager
async def adapter(real: Server, **options: Any) -> AsyncGenerator[OpenAI, None]:
    llm = OpenAI(model=real.model, base_url=real.url, **{"temperature": 0, **options})
    await llm.load()
    try:
        yield llm
    finally:
        await llm.aclose()


async def ask(
    llm: OpenAI, messages: Sequence[Message] = QUESTION, tools: Sequence[ToolSpec] = ()
) -> list[ReplyItem]:
    async with aclosing(llm.reply(messages, tools)) as reply:
        return [item async for item in reply]


def text(items: Sequence[ReplyItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


def ask_bare(real: Server) -> tuple[str, int]:
    """The same question to the bare client: text and tokens of the prompt."""
    messages: list[Any] = [{"role": m.role, "content": m.content} for m in QUESTION]
    with openai.OpenAI(api_key="none", base_url=real.url) as client:
        answer = client.chat.completions.create(
            model=real.model, messages=messages, temperature=0, max_tokens=12
        )
    assert answer.usage is not None
    return answer.choices[0].message.content or "", answer.usage.prompt_tokens


async def test_the_reply_is_the_models(real: Server) -> None:
    async with adapter(real, max_tokens=12) as llm:
        await llm.warm_up(QUESTION[:1])
        items = await ask(llm)
    bare, prompt_tokens = await anyio.to_thread.run_sync(ask_bare, real)
    assert len(bare.split()) > 5
    assert text(items) == bare
    assert sum(isinstance(item, TextDelta) for item in items) > 5
    assert items[-1] == Usage(prompt_tokens, 12)


async def test_leaving_early_and_asking_again(real: Server) -> None:
    async with adapter(real, max_tokens=300) as llm:
        async with aclosing(llm.reply(QUESTION)) as reply:
            assert isinstance(await anext(reply), TextDelta)
        assert text(await ask(llm, [Message("user", "no")]))


async def test_a_long_conversation_fits(real: Server) -> None:
    turns = [
        Message("user" if n % 2 == 0 else "assistant", "hello world yes no the time is noon")
        for n in range(201)
    ]
    async with adapter(real, max_tokens=4, context=400) as llm:
        *_, usage = await ask(llm, [QUESTION[0], *turns])
    assert isinstance(usage, Usage)
    assert 100 < usage.prompt <= 400


async def test_tools_and_their_results_are_taken(real: Server) -> None:
    call = ToolCall("1", "time", "{}")
    messages = [
        *QUESTION,
        Message("assistant", "", calls=(call,)),
        Message("tool", "noon", call_id="1"),
    ]
    tools = [ToolSpec("time", "The time.", {"type": "object", "properties": {}})]
    async with adapter(real, max_tokens=4) as llm:
        assert text(await ask(llm, messages, tools))
