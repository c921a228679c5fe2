"""Utterances of clauses: what is begun when, and in which order it is heard."""

from typing import Any

import anyio
import numpy as np
import pytest
from anyio.lowlevel import checkpoint

from tts.protocol import Speech, SpokenWord, TextToSpeechError
from tts.utterance import Send, open_utterance

pytestmark = pytest.mark.anyio


class Maker:
    """A synthesiser whose clauses are made when the test says so."""

    def __init__(self, *clauses: str) -> None:
        self.begun: list[str] = []
        self.may_end = {clause: anyio.Event() for clause in clauses}

    async def __call__(self, clause: str, send: Send) -> None:
        self.begun.append(clause)
        await self.may_end[clause].wait()
        if clause == "bad.":
            raise TextToSpeechError("bad")
        await send(Speech(np.zeros(10, np.float32), (SpokenWord(clause, 0),)))


async def settle() -> None:
    for _ in range(30):
        await checkpoint()


@pytest.mark.parametrize(("ahead", "begun"), [(0, ["one."]), (1, ["one.", "two."])])
async def test_the_next_clause_is_begun_ahead(ahead: int, begun: list[str]) -> None:
    maker = Maker("one.", "two.", "three.")
    async with open_utterance(maker, ahead) as utterance:
        await utterance.feed("one. two. three. ")
        await utterance.finish()
        await settle()
        assert maker.begun == begun
        for event in maker.may_end.values():
            event.set()
        pieces = [piece async for piece in utterance]
    assert [(w.text, w.start) for piece in pieces for w in piece.words] == [
        ("one.", 0),
        ("two.", 10),
        ("three.", 20),
    ]


async def test_clauses_are_heard_in_order_whichever_is_made_first() -> None:
    maker = Maker("one.", "two.")
    async with open_utterance(maker, 1) as utterance:
        await utterance.feed("one. two. ")
        await utterance.finish()
        maker.may_end["two."].set()
        await settle()
        maker.may_end["one."].set()
        assert [piece.words[0].text async for piece in utterance] == ["one.", "two."]


async def test_a_failure_ahead_waits_for_its_turn() -> None:
    maker: Any = Maker("one.", "bad.", "three.")
    async with open_utterance(maker, 2) as utterance:
        await utterance.feed("one. bad. three. ")
        await utterance.finish()
        maker.may_end["bad."].set()
        await settle()
        maker.may_end["one."].set()
        assert (await anext(utterance)).words[0].text == "one."
        with pytest.raises(TextToSpeechError, match="bad"):
            await anext(utterance)


async def test_leaving_ends_what_is_begun() -> None:
    maker = Maker("one.", "two.")
    with anyio.fail_after(5):
        async with open_utterance(maker, 1) as utterance:
            await utterance.feed("one. two. ")
            await settle()
    assert maker.begun == ["one.", "two."]
