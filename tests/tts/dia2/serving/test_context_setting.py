"""`tts.context`: a reply goes on from how the last turns sounded."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from tests.tts.dia2.serving.test_context import turn
from tests.tts.dia2.serving.utterances import TEXT, checkpoint
from tts import ConversationalSpeech
from tts.dia2.bundle import Bundle
from tts.dia2.engine import Dia2Speech
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.context import ConversationContext
from tts.dia2.serving.stepper import Stepper
from tts.dia2.serving.windows import Window
from tts.dia2.text.script import parse_script

pytestmark = pytest.mark.anyio

TURNS = [turn("user", "how are you"), turn("agent", "very well thanks", rate=24000)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("tiny"))


@asynccontextmanager
async def loaded(model: Path, **options: Any) -> AsyncGenerator[Dia2Speech, None]:
    engine = Dia2Speech(model=str(model), seed=1, starve="hold", **options)
    await engine.load()
    try:
        yield engine
    finally:
        await engine.aclose()


def rendered_after(model: Path) -> np.ndarray[Any, Any]:
    """The text as one whole script after the turns, without the engine."""
    bundle = Bundle.load(model)
    context = ConversationContext(bundle, None, 4)
    for each in TURNS:
        context.add(each)
    window = Window(
        bundle.config,
        context.prefix(),
        bos=bundle.tokenizer.bos,
        uniforms=random_numbers(1, bundle.config.max_steps, bundle.config.codebooks),
        sampling=Sampling(),
    )
    window.add(tuple(parse_script(TEXT, bundle.tokenizer, bundle.frame_rate)))
    window.machine.close()
    stepper = Stepper(bundle.model)
    stepper.admit(window)
    while not window.finished:
        assert stepper.step()
    return bundle.mimi.decode(window.frames()).numpy()


@pytest.mark.long
async def test_the_next_reply_goes_on_from_the_turns(model: Path, speak: Any) -> None:
    async with loaded(model, context=4) as engine:
        assert isinstance(engine, ConversationalSpeech)
        first = await speak(engine, [TEXT])
        for each in TURNS:
            engine.remember(each)
        second = await speak(engine, [TEXT])
    async with loaded(model) as engine:
        for each in TURNS:
            engine.remember(each)
        alone = await speak(engine, [TEXT])
    # Without turns, or without context, it is the plain reply.
    assert np.array_equal(first.pcm, alone.pcm)
    # With them it is what a whole script gives after the same turns; they are not heard again.
    expected = rendered_after(model)
    assert len(second.pcm) == len(expected)
    assert np.abs(second.pcm - expected).max() < 1e-4
    assert second.text == TEXT


async def test_a_turn_that_ends_while_another_utterance_speaks(model: Path, speak: Any) -> None:
    async with loaded(model, context=4) as engine:
        with anyio.fail_after(20):
            async with engine.open() as utterance:
                await utterance.feed(TEXT)
                await anext(aiter(utterance))
                engine.remember(TURNS[0])
        assert (await speak(engine, [TEXT])).text == TEXT
