"""The voice that fits the machine."""

import shutil
from pathlib import Path

import pytest

from agent.config.engines import TTS, create_tts, fitting_voice
from tests.tiny_dia2 import make
from tts import auto, speed
from tts.dia2.engine import Dia2Speech
from tts.kokoro import Kokoro


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU, on which nothing was measured yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)


def made() -> object:
    return create_tts(TTS.validate({"engine": "auto"}))


def test_kokoro_without_a_gpu() -> None:
    assert isinstance(made(), Kokoro)
    assert fitting_voice(TTS.validate({"engine": "auto", "otherwise": "bf_emma"})) == TTS.validate(
        {"engine": "kokoro", "voice": "bf_emma"}
    )


def test_dia2_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert isinstance(made(), Dia2Speech)
    monkeypatch.setattr(auto, "find_spec", lambda _: None)
    assert isinstance(made(), Kokoro)


@pytest.mark.parametrize(("factor", "fits"), [(0.7, True), (0.95, False)])
def test_dia2_on_a_processor_that_was_measured_to_be_fast_enough(
    factor: float, *, fits: bool
) -> None:
    speed.keep("dia2 nari-labs/Dia2-1B int8", factor)
    voice = made()
    assert isinstance(voice, Dia2Speech if fits else Kokoro)
    if isinstance(voice, Dia2Speech):
        assert voice.quantize == "int8"


def test_what_another_machine_kept_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    speed.keep("dia2 nari-labs/Dia2-1B int8", 0.5)
    monkeypatch.setattr(speed, "machine", lambda: "another x64")
    assert isinstance(made(), Kokoro)


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "parley").mkdir()
    (tmp_path / "parley/speed.json").write_bytes(content)
    assert speed.kept("dia2 nari-labs/Dia2-1B int8") is None
    speed.keep("x", 1)
    assert speed.kept("x") == 1


@pytest.mark.anyio
async def test_dia2_keeps_what_it_measures(tmp_path: Path) -> None:
    model = make(tmp_path / "model")
    voice = Dia2Speech(model=str(model), device="cpu")
    try:
        await voice.load()
    finally:
        await voice.aclose()
    factor = speed.kept(f"dia2 {model} none")
    assert factor is not None
    assert 0 < factor < 100
