"""Voice activity: streaming equals the whole, and the model stays off the loop."""

import re
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.errors import ParleyError
from agent.turns import vad
from agent.turns.vad import WINDOW, SileroVad
from tests.paths import AUDIO
from tts.extras import NAME, pip_install

pytestmark = pytest.mark.anyio


def read(name: str) -> NDArray[np.float32]:
    """A 16 kHz clip as float32 [n]."""
    with wave.open(str(AUDIO / name)) as clip:
        assert clip.getframerate() == vad.SAMPLE_RATE
        pcm = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
    return (pcm / 32768).astype(np.float32)


def whole(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """What faster-whisper's own, non-streaming VAD says of all complete windows.

    It overwrites the end of its last window with zeros, so it is given one window too many.
    """
    from faster_whisper.vad import get_vad_model

    complete = pcm[: len(pcm) // WINDOW * WINDOW]
    padded = np.concatenate((complete, np.zeros(WINDOW, np.float32)))
    return np.asarray(get_vad_model()(padded)).reshape(-1)[:-1]


@pytest.mark.parametrize("clip", ["question_capital.wav", "pause_0.8.wav", "long_request.wav"])
async def test_streaming_equals_the_whole(clip: str) -> None:
    pcm = read(clip)
    random = np.random.default_rng(7)
    detector = SileroVad()
    await detector.load()
    for longest in (40, 3 * WINDOW):  # mostly incomplete windows, mostly several at once
        detector.reset()
        heard: list[float] = []
        position = 0
        while position < len(pcm):
            size = int(random.integers(0, longest))
            heard += await detector.feed(pcm[position : position + size])
            position += size
        expected = whole(pcm)
        assert len(heard) == len(expected)
        assert np.abs(np.array(heard) - expected).max() <= 1e-6
    assert max(heard) > 0.9


async def test_silence_is_no_voice() -> None:
    detector = SileroVad()
    await detector.load()
    assert max(await detector.feed(np.zeros(vad.SAMPLE_RATE, np.float32))) < 0.1


async def test_the_model_runs_in_a_worker_and_only_for_complete_windows() -> None:
    detector = SileroVad()
    await detector.load()
    session, threads = detector._session, []

    class Spy:
        def run(self, *args: object) -> object:
            threads.append(threading.current_thread())
            return session.run(*args)

    detector._session = Spy()
    assert await detector.feed(np.zeros(WINDOW - 1, np.float32)) == []
    assert threads == []
    assert len(await detector.feed(np.zeros(1, np.float32))) == 1
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_not_loaded_is_said() -> None:
    with pytest.raises(ParleyError, match="load"):
        await SileroVad().feed(np.zeros(WINDOW, np.float32))


async def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ParleyError, match="pip install onnxruntime"):
        await SileroVad().load()
    monkeypatch.setattr(vad, "find_spec", lambda _: None)
    with pytest.raises(ParleyError, match=re.escape(pip_install(NAME))):
        await SileroVad().load()


async def test_a_missing_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(vad, "find_spec", lambda _: Spec())
    with pytest.raises(ParleyError, match=r"silero_vad_v6\.onnx is missing: .*pip install --force"):
        await SileroVad().load()
