"""Several models: the first that works answers, and one that failed is left alone for a while."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import pytest
import trio.testing

from agent.engines.fallback.llm import LanguageModelFallback
from agent.engines.fallback.ranking import COOLDOWN, MAX_COOLDOWN
from llm_adapters import LanguageModelError, Message, Notice, ReplyItem, TextDelta, ToolSpec

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]
    ),
]


@dataclass
class Model:
    """Works, or fails after `words` words."""

    name: str
    broken: bool = False
    words: int = 0
    asked: list[float] = field(default_factory=list)
    warm: int = 0
    closed: bool = False

    async def load(self) -> None:
        if self.broken and not self.words:
            raise LanguageModelError(f"{self.name} is broken")

    async def aclose(self) -> None:
        self.closed = True

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        del messages, tools
        await self.load()
        self.warm += 1

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        del messages, tools
        self.asked.append(anyio.current_time())
        for _ in range(self.words):
            yield TextDelta("word")
        if self.broken:
            raise LanguageModelError(f"{self.name} is broken")
        yield TextDelta(self.name)


async def ask(llm: LanguageModelFallback) -> tuple[str, list[Notice]]:
    """What is said, and what is told besides."""
    async with aclosing(llm.reply([Message("user", "Hello?")])) as reply:
        items = [item async for item in reply]
    text = "".join(item.text for item in items if isinstance(item, TextDelta))
    return text, [item for item in items if isinstance(item, Notice)]


def models(*names: str) -> list[Model]:
    return [Model(name) for name in names]


def together(parts: Sequence[Model]) -> LanguageModelFallback:
    return LanguageModelFallback([(part.name, part) for part in parts])


async def test_the_first_answers() -> None:
    parts = models("one", "two")
    assert await ask(together(parts)) == ("one", [])
    assert parts[1].asked == []


async def test_the_next_answers_while_the_first_is_down() -> None:
    one, two = models("one", "two")
    llm = together([one, two])
    one.broken = True
    text, (notice,) = await ask(llm)
    assert text == "two"
    assert notice == Notice("llm.fallback", "one fails (one is broken): two answers")
    # Remembered: it is not asked again, and nothing more is said about it.
    assert await ask(llm) == ("two", [])
    assert len(one.asked) == 1

    await anyio.sleep(COOLDOWN)
    assert await ask(llm) == ("two", [])  # tried once more, in vain
    assert len(one.asked) == 2
    await anyio.sleep(COOLDOWN)
    await ask(llm)
    assert len(one.asked) == 2  # the second rest is twice as long

    one.broken = False
    await anyio.sleep(COOLDOWN)
    assert await ask(llm) == ("one", [Notice("llm.recovered", "one answers again")])
    assert await ask(llm) == ("one", [])


async def test_a_rest_has_a_limit() -> None:
    one, two = models("one", "two")
    llm = together([one, two])
    one.broken = True
    for _ in range(20):
        await ask(llm)
        await anyio.sleep(MAX_COOLDOWN)
    assert len(one.asked) == 20


async def test_all_are_down() -> None:
    parts = models("one", "two")
    for part in parts:
        part.broken = True
    llm = together(parts)
    for tries in (1, 2):  # resting or not: better a try than nothing
        with pytest.raises(LanguageModelError, match="two is broken"):
            await ask(llm)
        assert [len(part.asked) for part in parts] == [tries, tries]


async def test_nothing_is_said_twice() -> None:
    one, two = models("one", "two")
    one.broken, one.words = True, 1
    llm = together([one, two])
    with pytest.raises(LanguageModelError, match="one is broken"):
        await ask(llm)
    assert two.asked == []
    assert (await ask(llm))[0] == "two"  # the next turn


async def test_loading() -> None:
    one, two = models("one", "two")
    one.broken = True
    llm = together([one, two])
    await llm.load()
    text, (notice,) = await ask(llm)
    assert text == "two"
    assert notice.message == "one fails (one is broken): two answers"
    assert one.asked == []
    two.broken = True
    with pytest.raises(LanguageModelError, match="one is broken"):
        await together([one, two]).load()
    await llm.aclose()
    assert one.closed
    assert two.closed


async def test_warming_up() -> None:
    one, two = models("one", "two")
    one.broken = True
    llm = together([one, two])
    await llm.warm_up([])
    assert (one.warm, two.warm) == (0, 1)
    two.broken = True
    with pytest.raises(LanguageModelError):
        await llm.warm_up([])
