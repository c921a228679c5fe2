"""Dia as the rest of Parley sees it: on the event loop, with its model in a thread."""

import logging
import random
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import torch

from tests.paths import GOLDENS
from tests.tts.dia.serving.dialogue import LONG, MODEL, kept_voice
from tts import ManyVoices, ScriptedSpeech, SlottedSpeech
from tts.dia.engine import DiaSpeech
from tts.dia.serving import prepare
from tts.dia2.engine import Dia2Speech
from tts.protocol import TextToSpeechError

pytestmark = pytest.mark.anyio
torch.set_num_threads(1)  # these networks are too small to share out


@asynccontextmanager
async def loaded(**options: Any) -> AsyncGenerator[DiaSpeech, None]:
    engine = DiaSpeech(**{"model": str(MODEL), "seed": 1, **options})
    with anyio.fail_after(60):
        await engine.load()
        try:
            yield engine
        finally:
            await engine.aclose()


async def refused(engine: Any) -> str:
    with pytest.raises(TextToSpeechError) as caught:
        await engine.load()
    return str(caught.value)


def fragments(text: str) -> list[str]:
    chance, at, cut = random.Random(2), 0, []
    while at < len(text):
        size = chance.randint(1, 9)
        cut.append(text[at : at + size])
        at += size
    return cut


async def test_it_does_not_matter_how_the_text_comes_where_all_of_it_has(speak: Any) -> None:
    async with loaded() as engine:
        assert engine.sample_rate == 44_100
        text = "Well, this is a text (laughs) of some words."
        spoken, again = await speak(engine, [text]), await speak(engine, fragments(text))
    assert np.array_equal(spoken.pcm, again.pcm)
    assert spoken.text == text
    spoken.check_word_times()
    assert spoken.pcm.dtype == np.float32


async def test_it_speaks_before_the_text_has_ended() -> None:
    async with loaded() as engine, engine.open() as utterance:
        await utterance.feed(LONG)
        first = await anext(aiter(utterance))
        assert first.words[0].text == "It"
        await utterance.finish()
        assert [piece async for piece in utterance]


async def test_leaving_in_mid_word_frees_the_slot(speak: Any) -> None:
    async with loaded() as engine:
        alone = await speak(engine, [LONG])
        async with engine.open() as utterance:
            await utterance.feed(LONG)
            await anext(aiter(utterance))
        assert np.array_equal((await speak(engine, [LONG])).pcm, alone.pcm)


async def test_voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speak: Any) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    kept_voice(tmp_path / "parley/voices")
    async with loaded() as engine:
        assert isinstance(engine, ManyVoices)
        assert isinstance(engine, ScriptedSpeech)
        assert isinstance(engine, SlottedSpeech)
        assert engine.voices == ["voice"]
        assert Dia2Speech().voices == []
        own = await speak(engine.in_voice("voice"), ["Hello there."])
    async with loaded(voice="voice") as engine:
        assert np.array_equal((await speak(engine, ["Hello there."])).pcm, own.pcm)
        async with engine.open_script(cfg=1.0, temperature=1.0, seed=2) as utterance:
            await utterance.feed("[S1] Hi.")
            await utterance.finish()
            assert [piece async for piece in utterance]


async def test_a_failure_in_the_text_is_told(speak: Any) -> None:
    async with loaded() as engine:
        async with engine.open() as utterance:
            await utterance.feed("Привет!")
            await utterance.finish()
            with pytest.raises(TextToSpeechError, match="Dia speaks English only"):
                await anext(aiter(utterance))
        assert len((await speak(engine, ["Hello!"])).pcm)


async def test_on_a_slow_machine_it_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prepare, "real_time_factor", lambda *_: 8.4)
    with caplog.at_level(logging.WARNING):
        async with loaded():
            pass
    assert "Dia takes 8.4 s for a second of speech on this machine" in caplog.text
    assert "engine: dia2 or kokoro" in caplog.text


async def test_models_of_another_kind() -> None:
    dia2 = GOLDENS / "c6"
    assert "this is a Dia2 model: speak it with engine dia2" in await refused(
        DiaSpeech(model=str(dia2))
    )
    assert "this is a Dia model: speak it with engine dia" in await refused(
        Dia2Speech(model=str(MODEL))
    )
    original = MODEL / "nari"
    if original.is_dir():
        assert "speak it with engine dia" in await refused(Dia2Speech(model=str(original)))


async def test_a_voice_of_the_other_engine(tmp_path: Path) -> None:
    path = kept_voice(tmp_path)
    told = await refused(DiaSpeech(model=str(MODEL), voice=str(tmp_path / "nobody.safetensors")))
    assert "there is no voice file" in told
    from tts.voices import folder

    with pytest.raises(TextToSpeechError, match=r"is for Dia, not for Dia2.*--for dia dia2"):
        folder.load(path)


async def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts.dia.memory.free", lambda _: 1 << 20)
    told = await refused(DiaSpeech(model=str(MODEL), device="cpu"))
    assert re.search(r"needs \d\.\d GiB of memory and 0\.0 GiB are free: use", told)
    assert "quantize int8" in told


async def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    model = Path(shutil.copytree(MODEL, tmp_path / "model"))
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "cut off or not a safetensors file" in await refused(DiaSpeech(model=str(model)))
    weights.rename(model / "model.pth")
    told = await refused(DiaSpeech(model=str(model)))
    assert "model.pth is a pickle file" in told
    assert "converts it" in told


async def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    told = await refused(DiaSpeech(model="nari-labs/Dia-1.6B-0626"))
    assert "is not on this machine and cannot be downloaded" in told
