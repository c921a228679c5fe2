"""The adapter `eliza`: a conversation partner made of rules, always there, without any model."""

import json
import re
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Annotated

import anyio.lowlevel
from pydantic import Field

from llm_adapters.eliza.rules import (
    AUXILIARIES,
    CHAT,
    CONTRACTIONS,
    FALLBACKS,
    INTENTS,
    REFLECTIONS,
    SILENCE,
    VERBS,
)
from llm_adapters.eliza.scripted import MAX_RULES, Rule, apply
from llm_adapters.eliza.skills import SKILLS, Turn
from llm_adapters.protocol import Message, ReplyItem, TextDelta, ToolCall, ToolSpec

MAX_MESSAGE = 1500
"""Characters of a message that are looked at: over a minute of speech, milliseconds of work."""


class Eliza:
    """Language model made of rules: answers at once, a word at a time, and keeps no state."""

    def __init__(
        self,
        *,
        rules: Annotated[
            tuple[Rule, ...],
            Field(
                max_length=MAX_RULES,
                description="Rules of your own, before hers: what she `hears` (a regular "
                "expression), the tool that she `calls` with which `arguments`, what she `says`; "
                "{0} is what the expression's first group caught, {result} what the tool gave.",
            ),
        ] = (),
    ) -> None:
        self._rules = rules

    async def load(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to the last user message; rules of one's own, and `handoff`, call."""
        said = next((m.content for m in reversed(messages) if m.role == "user"), "")
        sentences = split(said[:MAX_MESSAGE])[::-1]
        answer = apply(self._rules, messages, sentences, tools) or handoff(messages, tools)
        if isinstance(answer, ToolCall):
            yield answer
            return
        if answer is None:
            answer = respond(messages, datetime.now().astimezone())
        for word in re.findall(r"\s*\S+", answer):
            await anyio.lowlevel.checkpoint()
            yield TextDelta(word)


def handoff(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> ToolCall | None:
    """Hand over to whom the user wants to speak with, by the tool that agents have for it."""
    offered = next((tool for tool in tools if tool.name == "handoff"), None)
    if offered is None or not messages or messages[-1].role != "user":
        return None
    said = messages[-1].content[:MAX_MESSAGE].lower()
    names = offered.parameters.get("properties", {}).get("agent", {}).get("enum", ())
    wanted = re.search(r"\b(?:talk|speak|through|over|transfer|connect)\b.*\b(?:to|with)\b", said)
    if wanted is None:
        return None
    after = said[wanted.end() :]
    for name in names:
        words = re.findall(r"\w+", str(name).lower())
        if all(re.search(rf"\b{word}s?\b", after) for word in words):  # heard as it may be
            return ToolCall(f"handoff-{len(messages)}", "handoff", json.dumps({"agent": name}))
    return None


def respond(messages: Sequence[Message], now: datetime) -> str:
    """Answer the last user message, at the local time `now`.

    Where there are several answers they are taken in turn, one per user message.
    """
    *earlier, last = [m.content for m in messages if m.role == "user"] or [""]
    said = last.strip()[:MAX_MESSAGE]
    sentences = split(said)
    turn = Turn(
        said=said,
        text=" ".join(sentences).lower(),
        earlier=tuple(earlier),
        last_reply=next((m.content for m in reversed(messages) if m.role == "assistant"), ""),
        now=now,
    )
    if not sentences:
        return SILENCE[turn.number % len(SILENCE)]
    for skill in SKILLS:
        if answer := skill(turn):
            return answer
    for rules in (INTENTS, CHAT):
        for sentence in reversed(sentences):
            for pattern, answers in rules.items():
                if found := re.search(pattern, sentence, re.I):
                    answer = answers[turn.number % len(answers)]
                    return answer.format(*(reflect(group) for group in found.groups("")))
    return FALLBACKS[turn.number % len(FALLBACKS)]


def split(text: str) -> list[str]:
    """Split `text` into sentences, contractions spelled out, without punctuation."""
    text = text.replace("’", "'")
    for short, long in CONTRACTIONS.items():
        text = re.sub(rf"\b{short}\b", long, text, flags=re.I)
    sentences = (re.findall(r"[\w'-]+", part) for part in re.split(r"[.?!;]+(?:\s|$)", text))
    return [" ".join(words) for words in sentences if words]


def reflect(text: str) -> str:
    """Turn `text` around for the other person: "you and my dog" is "me and your dog"."""
    words = text.split()
    lower = [word.lower() for word in words]
    reflected: list[str] = []
    index = 0
    while index < len(words):
        pair = " ".join(lower[index : index + 2])
        if pair in REFLECTIONS:
            reflected.append(REFLECTIONS[pair])
            index += 2
            continue
        if lower[index] == "you" and is_subject(lower, index):
            reflected.append("I")
        else:
            reflected.append(REFLECTIONS.get(lower[index], words[index]))
        index += 1
    return " ".join(reflected)


def is_subject(words: Sequence[str], index: int) -> bool:
    """Whether the word at `index` is whom a verb next to it is about."""
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    return before in AUXILIARIES or after in AUXILIARIES or after in VERBS
