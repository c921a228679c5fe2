"""`parley say` through a real sound card: spoken while the text is still being written."""

import os
import sys

import anyio
import numpy as np
import pytest

from tests.soundcards import SoundCards

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One real run is enough: the parts are tested on both backends."""
    return "asyncio"


async def test_it_speaks_while_the_text_arrives(soundcards: SoundCards) -> None:
    command = [sys.executable, "-m", "agent.cli", "say", "-"]
    environment = {**os.environ, **soundcards.environment}
    with anyio.fail_after(30):
        async with (
            await anyio.open_process(command, env=environment, stderr=None) as process,
            soundcards.speaker.record(24000) as recording,
        ):
            assert process.stdin is not None
            await process.stdin.send(b"The first sentence is here. And the sec")
            while np.abs(await recording.read(0.05)).max() < 0.05:
                pass  # it is heard before the text has ended
            await process.stdin.send(b"ond one follows.")
            await process.stdin.aclose()
            heard = [await recording.read(0.05)]
            while process.returncode is None:
                heard.append(await recording.read(0.05))
                with anyio.move_on_after(0):
                    await process.wait()
    assert process.returncode == 0
    pcm = np.concatenate(heard)
    loud = np.flatnonzero(np.abs(pcm) > 0.02)
    assert (loud[-1] - loud[0]) / 24000 > 2.0  # the rest of the first sentence and the second
    assert np.abs(pcm).max() < 0.999
