"""A quiet voice is understood as a loud one is."""

import numpy as np
import pytest

from agent.audio.wav import read_audio
from stt.pocketsphinx import Pocketsphinx
from tests.paths import AUDIO

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("decibels", [0, -30, -40, -50])
@pytest.mark.parametrize("block", [320, 8000])
async def test_the_words_do_not_depend_on_the_level(decibels: int, block: int) -> None:
    pcm = read_audio(AUDIO / "question_capital.wav")[0] * np.float32(10 ** (decibels / 20))
    engine = Pocketsphinx()
    await engine.load()
    try:
        async with engine.listen() as recognition:
            for start in range(0, len(pcm), block):
                await recognition.feed(pcm[start : start + block])
            transcript = await recognition.finish()
    finally:
        await engine.aclose()
    assert transcript.text == "what is the capital of france"
