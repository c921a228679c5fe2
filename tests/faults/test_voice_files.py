"""The files of piper's and kokoro's voices that are none, or have no end."""

from functools import partial
from pathlib import Path

import pytest

from tests.faults.hostile_files import WRONG, bounded, replace
from tests.tts.onnx.toys import make_kokoro, make_piper
from tts import TextToSpeech, TextToSpeechError
from tts.kokoro import Kokoro
from tts.piper import Piper

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("name", ["", ".json"])
async def test_piper(tmp_path: Path, name: str, what: str) -> None:
    voice = make_piper(tmp_path)
    engine = Piper(voice=str(voice))
    await engine.load()
    replace(voice.with_name(voice.name + name), WRONG[what])
    await refused(Piper(voice=str(voice)))


@pytest.mark.parametrize("what", WRONG)
async def test_kokoro(tmp_path: Path, what: str) -> None:
    folder = make_kokoro(tmp_path, {"am_toy": 1.0})
    await Kokoro(model=str(folder), voice="am_toy").load()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) >= 3
    for path in files:
        content = path.read_bytes()
        replace(path, WRONG[what])
        await refused(Kokoro(model=str(folder), voice="am_toy"))
        replace(path, partial(Path.write_bytes, data=content))


async def refused(engine: TextToSpeech) -> None:
    with bounded(), pytest.raises(TextToSpeechError) as raised:
        await engine.load()
    assert str(raised.value).isprintable()
