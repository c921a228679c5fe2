"""Dia2 as the rest of Parley sees it: on the event loop, with its model in a thread."""

import random
import re
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import torch

from tests.paths import ROOT
from tests.tts.dia2.serving.utterances import TEXT, checkpoint, fragments, make_voice, settings
from tts.dia2.dia2 import Dia2
from tts.dia2.engine import Dia2Speech
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.prepare import load
from tts.extras import pip_install
from tts.protocol import TextToSpeechError, Utterance
from tts.voices import folder
from tts.voices.voice import Voice

pytestmark = pytest.mark.anyio
torch.set_num_threads(1)  # these networks are too small to share out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("tiny"))


@asynccontextmanager
async def loaded(model: Path, **options: Any) -> AsyncGenerator[Dia2Speech, None]:
    engine = Dia2Speech(**{"model": str(model), "seed": 1, "starve": "hold", **options})
    await engine.load()
    try:
        yield engine
    finally:
        await engine.aclose()


async def test_a_stream_of_fragments(model: Path, speak: Any) -> None:
    whole = Dia2.load(model).generate(TEXT, seed=1)
    async with loaded(model) as engine:
        assert engine.sample_rate == 24000
        spoken = await speak(engine, fragments(TEXT, random.Random(2)))
    assert np.abs(spoken.pcm - whole.waveform).max() < 1e-4
    assert spoken.text == TEXT
    spoken.check_word_times()
    assert {len(piece.pcm) for piece in spoken.pieces} == {1920}
    assert spoken.pcm.dtype == np.float32


async def test_a_script_with_two_voices_is_what_the_whole_of_it_would_be(
    model: Path, tmp_path: Path
) -> None:
    names = []
    for number in range(2):
        voice = make_voice(load(settings(model)), seed=number)
        names.append(str(tmp_path / f"{number}.safetensors"))
        voice.save(names[-1])
    voices = [Voice.load(name) for name in names]
    script = "[S1] One two three. [S2] Four, five six."
    dia2 = Dia2.load(model)
    for sampling in (Sampling(), Sampling(scale=3.0, text_temperature=0.5, audio_temperature=0.5)):
        whole = dia2.generate(script, voices=voices, seed=9, sampling=sampling)
        async with loaded(model) as engine:
            options: dict[str, Any] = {
                "cfg": sampling.scale,
                "temperature": sampling.audio_temperature,
                "seed": 9,
            }
            if sampling == Sampling():
                options = {"seed": 9}
            async with engine.open_script(names, **options) as utterance:
                await utterance.feed(script)
                await utterance.finish()
                pcm = np.concatenate([piece.pcm async for piece in utterance])
        assert len(pcm) == len(whole.waveform)
        assert np.abs(pcm - whole.waveform).max() < 1e-4


async def test_a_script_with_a_voice_that_there_is_not(model: Path) -> None:
    async with loaded(model) as engine:
        with pytest.raises(TextToSpeechError, match="there is no voice"):
            async with engine.open_script(["nobody"]):
                pass


async def test_it_speaks_before_the_text_has_ended(model: Path) -> None:
    async with loaded(model) as engine, engine.open() as utterance:
        with anyio.fail_after(20):
            await utterance.feed(TEXT)
            first = [await anext(aiter(utterance)) for _ in range(5)]
            await utterance.finish()
            rest = [piece async for piece in utterance]
    words = [word.text for piece in (*first, *rest) for word in piece.words]
    assert " ".join(words) == TEXT


async def test_leaving_in_mid_word_frees_the_slot(model: Path, speak: Any) -> None:
    async with loaded(model) as engine:
        alone = await speak(engine, [TEXT])
        with anyio.fail_after(20):
            for _ in range(3):
                async with engine.open() as utterance:
                    await utterance.feed(TEXT)
                    await anext(aiter(utterance))
            again = await speak(engine, [TEXT])
    assert np.array_equal(alone.pcm, again.pcm)


async def test_being_cancelled_frees_the_slot(model: Path, speak: Any) -> None:
    async with loaded(model) as engine:
        with anyio.CancelScope() as scope:
            async with engine.open() as utterance:
                await utterance.feed(TEXT)
                async for _ in utterance:
                    scope.cancel()
        assert scope.cancelled_caught
        with anyio.fail_after(20):
            assert (await speak(engine, ["Some more."])).text == "Some more."


async def test_who_finds_no_slot_waits_for_one(model: Path) -> None:
    async with loaded(model) as engine, engine.open() as first:
        await first.feed(TEXT)
        await anext(aiter(first))
        async with engine.open() as impatient:
            await impatient.feed("Never heard.")  # and left before there was a slot
        async with engine.open() as second, anyio.create_task_group() as tasks:
            await second.feed("It is my turn.")
            await second.finish()
            turns: list[str] = []

            async def listen(utterance: Utterance, name: str) -> None:
                async for _ in utterance:
                    turns.append(name)  # noqa: PERF401 — in the order of both

            tasks.start_soon(listen, second, "second")
            await first.finish()
            await listen(first, "first")
    assert turns == sorted(turns)
    assert {"first", "second"} == set(turns)


async def test_two_slots_speak_side_by_side(model: Path, speak: Any) -> None:
    async with loaded(model, slots=2) as engine:
        alone = await speak(engine, [TEXT])
        results: list[Any] = []

        async def one() -> None:
            results.append(await speak(engine, fragments(TEXT, random.Random(len(results)))))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(one)
    for result in results:
        assert np.abs(result.pcm - alone.pcm).max() < 1e-4
        assert result.text == TEXT


async def test_two_engines_in_one_process(model: Path, speak: Any) -> None:
    async with loaded(model) as one, loaded(model) as other:
        results: list[Any] = []

        async def use(engine: Dia2Speech) -> None:
            results.append(await speak(engine, [TEXT]))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use, one)
            tasks.start_soon(use, other)
    assert np.array_equal(results[0].pcm, results[1].pcm)


async def test_without_a_seed_every_utterance_is_another(model: Path, speak: Any) -> None:
    async with loaded(model, seed=None) as engine:
        one, other = [await speak(engine, ["One and two."]) for _ in range(2)]
    length = min(len(one.pcm), len(other.pcm))
    assert not np.allclose(one.pcm[:length], other.pcm[:length])


async def test_without_words_it_says_nothing(model: Path) -> None:
    async with loaded(model) as engine, engine.open() as utterance:
        await utterance.feed(" … ")
        await utterance.finish()
        assert [piece async for piece in utterance] == []
        assert [piece async for piece in utterance] == []  # and still


async def test_a_failure_ends_one_utterance(model: Path, speak: Any) -> None:
    async with loaded(model) as engine:
        async with engine.open() as utterance:
            await utterance.feed('Now <break time="1x5s"/> then')
            for _ in range(2):
                with pytest.raises(TextToSpeechError, match="cannot read the seconds"):
                    await anext(aiter(utterance))
            await utterance.feed("dropped")
        assert (await speak(engine, ["Some more."])).text == "Some more."


async def test_closing_ends_what_still_speaks(model: Path) -> None:
    async with loaded(model) as engine:
        running = {thread.name for thread in threading.enumerate()}
        async with engine.open() as utterance:
            await utterance.feed(TEXT)
            await anext(aiter(utterance))
            await engine.aclose()
            with pytest.raises(TextToSpeechError, match="closed while it spoke"):
                async for _ in utterance:
                    pass
            await utterance.feed("dropped")
        with pytest.raises(TextToSpeechError, match="not loaded"):
            async with engine.open():
                pass
    assert "dia2" in running
    assert "dia2" not in {thread.name for thread in threading.enumerate()}


async def test_before_loading() -> None:
    engine = Dia2Speech()
    with pytest.raises(TextToSpeechError, match="not loaded"):
        _ = engine.sample_rate
    with pytest.raises(TextToSpeechError, match="not loaded"):
        async with engine.open():
            pass
    await engine.aclose()


async def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(TextToSpeechError, match="not a Dia2 model"):
        await Dia2Speech(model=str(tmp_path)).load()


async def test_no_such_voice(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(TextToSpeechError, match="there is no voice 'amy'"):
        await Dia2Speech(model=str(model), voice="amy").load()


async def test_without_torch(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tts.dia2.serving.prepare", None)
    with pytest.raises(TextToSpeechError, match=re.escape(pip_install("parley-voice[dia2]"))):
        await Dia2Speech(model=str(model)).load()


async def test_a_slow_machine_is_told_so_once(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tts.dia2.serving.prepare.frame_seconds", lambda *_: 0.2)
    async with loaded(model, device="cpu"):
        pass
    (line,) = caplog.messages
    assert line.startswith(
        "Dia2 takes 2.5 s or more for a second of speech on this machine (200 ms "
    )
    helps = "what helps is an NVIDIA GPU, quantize: int8, cfg: 1, or another engine, such as espeak"
    assert helps in line


async def test_a_fast_one_says_nothing(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tts.dia2.serving.prepare.frame_seconds", lambda *_: 0.02)
    async with loaded(model):
        assert not caplog.messages


FORKED = """
import os, sys, anyio
from tts.dia2.engine import Dia2Speech

async def speak():
    async with engine.open() as utterance:
        await utterance.feed("Still here.")
        await utterance.finish()
        return len([piece async for piece in utterance]) > 0

engine = Dia2Speech(model=sys.argv[1], device="cpu")
anyio.run(engine.load)
child = os.fork()
if child == 0:
    try:
        print(anyio.run(speak))
    except Exception as error:
        print(type(error).__name__, error)
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
print(anyio.run(speak))
anyio.run(engine.aclose)
"""


def test_a_forked_process_is_told_to_load_its_own(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(model)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    child, parent = done.stdout.splitlines()
    assert child.startswith("TextToSpeechError Dia2 was loaded before this process was forked")
    assert parent == "True"


async def test_another_voice(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speak: Any
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    made = make_voice(load(settings(model)))
    made.save(folder.path_of("ada"))
    async with loaded(model) as engine:
        assert engine.voices == ["ada"]
        other = await speak(engine.in_voice("ada"), [TEXT])
        with pytest.raises(TextToSpeechError, match="there is no voice 'bob'"):
            engine.in_voice("bob")
    async with loaded(model, voice="ada") as engine:
        assert np.array_equal(other.pcm, (await speak(engine, [TEXT])).pcm)
