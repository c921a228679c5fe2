"""The adapter `llama` with a real llama.cpp, and a model of two megabytes that is made here."""

import logging
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from llm_adapters import (
    LanguageModelError,
    Message,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from llm_adapters.llama import Llama
from llm_adapters.llama.adapter import default_threads
from tests.llm_adapters.llama.tiny import write_model

pytestmark = pytest.mark.anyio

LIMIT = 20.0
"""Seconds for a test, which takes a tenth of one."""
CLOCK = ToolSpec("clock", "Tells the time.", {"type": "object", "properties": {}})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@asynccontextmanager
async def loaded(model: Path, context: int = 1024) -> AsyncIterator[Llama]:
    llm = Llama(model=str(model), context=context, threads=1, temperature=0)
    with anyio.fail_after(LIMIT):
        try:
            await llm.load()
            yield llm
        finally:
            await llm.aclose()


async def ask(llm: Llama, text: str, tools: Sequence[ToolSpec] = ()) -> list[ReplyItem]:
    async with aclosing(llm.reply([Message("user", text)], tools)) as reply:
        return [item async for item in reply]


def said(items: Sequence[ReplyItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


def pid(llm: Llama) -> int:
    assert llm._process is not None
    return llm._process._process.pid


async def test_it_answers_a_token_at_a_time_and_keeps_what_it_has_read(model: Path) -> None:
    async with loaded(model) as llm:
        await llm.warm_up([Message("user", "A long story. " * 20)])
        first = await ask(llm, "A long story. " * 20 + "And?")
        assert [item.text for item in first if isinstance(item, TextDelta)] == [
            "Hello",
            " there",
            ".",
        ]
        (usage,) = (item for item in first if isinstance(item, Usage))
        assert usage.prompt > 250
        assert usage.prompt - usage.cached < 10
        assert usage.completion == 4


@pytest.mark.realtime
async def test_what_is_left_early_stops_and_the_next_reply_does_not_wait(model: Path) -> None:
    async with loaded(model, context=1 << 15) as llm:
        begun = anyio.current_time()
        async with aclosing(llm.reply([Message("user", "Go!")])) as reply:
            count = 0
            async for _ in reply:
                count += 1
                if count == 3:
                    break
        assert said(await ask(llm, "Well?")) == "Hello there."
        # All that it had to say would have taken ten times as long.
        assert anyio.current_time() - begun < 1.5


@pytest.mark.realtime
async def test_a_long_prompt_is_given_up_with_its_reply(model: Path) -> None:
    async with loaded(model, context=1 << 15) as llm:
        with anyio.move_on_after(0.05) as scope:
            await ask(llm, "A long story. " * 2000)
        assert scope.cancelled_caught
        begun = anyio.current_time()
        assert said(await ask(llm, "Well?")) == "Hello there."
        # llama.cpp looks for itself once a second.
        assert anyio.current_time() - begun < 0.8


async def test_a_call_of_a_tool(tmp_path: Path) -> None:
    call = '<tool_call>{"name":"clock","arguments":{}}</tool_call>'
    model = write_model(tmp_path / "calls.gguf", [call])
    async with loaded(model) as llm:
        items = await ask(llm, "What time is it?", [CLOCK])
    (found,) = (item for item in items if isinstance(item, ToolCall))
    assert (found.name, found.arguments) == ("clock", "{}")
    assert said(items) == ""


async def test_a_conversation_that_is_too_long_is_shortened(model: Path) -> None:
    async with loaded(model, context=2048) as llm:  # a token of this model is a byte
        story = [Message("user", "A long story. " * 10), Message("assistant", "Hello there.")] * 50
        async with aclosing(llm.reply([*story, Message("user", "And?")])) as reply:
            items = [item async for item in reply]
    assert said(items) == "Hello there."
    assert "llm.context" in [item.code for item in items if isinstance(item, Notice)]


async def test_a_process_that_has_died_is_started_anew(model: Path) -> None:
    async with loaded(model) as llm:
        before = pid(llm)
        os.kill(before, signal.SIGKILL)
        assert said(await ask(llm, "Well?")) == "Hello there."
        assert pid(llm) != before


async def test_one_that_dies_in_the_middle_of_a_reply_ends_that_alone(model: Path) -> None:
    async with loaded(model, context=1 << 15) as llm:
        async with aclosing(llm.reply([Message("user", "Go!")])) as reply:
            await anext(reply)
            os.kill(pid(llm), signal.SIGKILL)
            with pytest.raises(LanguageModelError, match=r"tiny.gguf broke off .* with --debug"):
                async for _ in reply:
                    pass
        assert said(await ask(llm, "Well?")) == "Hello there."


async def test_closing_ends_the_process(model: Path) -> None:
    async with loaded(model) as llm:
        process = pid(llm)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_it_ends_with_the_program_that_started_it(model: Path) -> None:
    async with loaded(model) as llm:
        assert llm._process is not None
        process = llm._process._process
        assert process.stdin is not None
        await process.stdin.aclose()  # as the system does when a program is killed
        assert await process.wait() == 0


async def test_conversations_side_by_side(model: Path) -> None:
    answers: dict[int, str] = {}

    async def answer(number: int) -> None:
        answers[number] = said(await ask(llm, f"I am number {number}."))

    async with loaded(model) as llm, anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(answer, number)
    assert answers == dict.fromkeys(range(5), "Hello there.")


async def test_nobody_else_is_answered(model: Path) -> None:
    async with loaded(model) as llm:
        assert llm._process is not None
        request = urllib.request.Request(f"{llm._process.url}/chat/completions", b"{}")
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(request, timeout=5))
        refused.value.close()


async def test_its_log_is_for_those_who_debug(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with loaded(model) as llm:
        await ask(llm, "Well?")
    assert capfd.readouterr() == ("", "")
    log = logging.getLogger("llm_adapters")
    log.setLevel(logging.DEBUG)
    try:
        async with loaded(model) as llm:
            await ask(llm, "Well?")
    finally:
        log.setLevel(logging.NOTSET)
    out, err = capfd.readouterr()
    assert out == ""
    assert "llama_model_loader" in err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"general.architecture": "nope\x1b[31m"},
            r"^llama.cpp cannot load \S+bad.gguf: unknown model architecture: 'nope�.31m'$",
        ),
        ({"llama.block_count": 2}, "tensor 'blk.1.attn_norm.weight' not found$"),
        ({"tokenizer.chat_template": "{% for %}" + "x" * 200_000}, "cannot load"),
        ({"llama.expert_count": 5}, r"broke down \(SIGABRT\): is the file damaged.$"),
    ],
)
async def test_a_model_that_llama_cpp_cannot_load(
    changed: dict[str, object],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = write_model(tmp_path / "bad.gguf", changed=changed)
    with pytest.raises(LanguageModelError, match=message):
        async with loaded(model):
            pass
    assert capfd.readouterr() == ("", "")


@pytest.fixture(params=[0.001, 0.003, 0.5, 0.999])
def broken(request: pytest.FixtureRequest, model: Path, tmp_path: Path) -> Path:
    data = model.read_bytes()
    path = tmp_path / "broken.gguf"
    path.write_bytes(data[: int(len(data) * request.param)])
    return path


async def test_a_download_that_broke_off(broken: Path) -> None:
    with pytest.raises(LanguageModelError, match=r"broken.gguf") as raised:
        async with loaded(broken):
            pass
    assert "\n" not in str(raised.value)


async def test_without_the_package(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_adapters.llama.adapter.find_spec", lambda _: None)
    with pytest.raises(LanguageModelError, match=r"^llama needs llama.cpp: pip install xllamacpp$"):
        await Llama(model=str(model)).load()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 4), (64, 8)])
def test_the_recogniser_and_the_voice_keep_half_of_the_cores(
    cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert default_threads() == threads
