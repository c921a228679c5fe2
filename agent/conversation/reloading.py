"""A configuration that is read again: what of it a conversation takes up, and what has to wait."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from agent.config.load import Config
from agent.conversation.conversation import Conversation

LIVE = (
    *("agent", "agents", "tools", "llm", "tts"),
    *("vad", "turn", "interruption", "idle", "thinking"),
)
"""Sections that count from the next turn on; the others are gone by when a conversation begins."""

WAITS = {
    "stt": "the recogniser is loaded once",
    "microphone": "it is open",
    "speaker": "it is open",
    "echo": "it is set up with the devices",
    "thinking.say": "it is spoken in advance",
    "turn.model": "it is loaded once",
    "turn.detector": "Smart-Turn is loaded once",
}
"""Why a key waits for the next start."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of reading a configuration again: the keys that changed."""

    applied: tuple[str, ...]
    waiting: tuple[str, ...]
    when: str = "from the next turn on"

    def __str__(self) -> str:
        """A line for people."""
        parts = []
        if self.applied:
            parts.append(f"changed {self.when}: {', '.join(self.applied)}")
        if self.waiting:
            why = {key: WAITS.get(key) or WAITS.get(_section(key)) for key in self.waiting}
            told = (f"{key} ({why[key] or 'read at the start'})" for key in self.waiting)
            parts.append(f"needs a restart: {', '.join(told)}")
        return "; ".join(parts) or "nothing has changed"


async def reload(
    conversation: Conversation,
    changing: Callable[[Config], AbstractAsyncContextManager[None]],
    before: Config,
    after: Config,
) -> Reloaded:
    """Have a conversation that began with `before` go by `after`, as far as it can.

    `changing` loads the engines of a configuration, and lets the others go (`Agent.changing`).
    Raises ConfigError and the engines' errors; then nothing has changed.
    """
    changed = list(changed_keys(before, after))
    waiting = [key for key in changed if _waits(key, before, after)]
    applied = tuple(key for key in changed if key not in waiting)
    if applied:
        present = conversation.config
        config = after.of(present.start) if present.start in after.agents else after
        names = type(after).model_fields
        values = {name: getattr(config if name in LIVE else present, name) for name in names}
        for section, name in (key.split(".") for key in waiting if _section(key) in LIVE):
            old = getattr(getattr(present, section), name)
            values[section] = values[section].model_copy(update={name: old})
        config = config.model_copy(update={**values, "start": config.start})
        async with changing(config):
            await conversation.become(config)
    return Reloaded(applied, tuple(waiting))


def changed_keys(before: Config, after: Config) -> Iterator[str]:
    """The keys, such as `turn.silence`, in which two configurations differ."""
    # Of several agents, the first one's keys stand at the top, too.
    double = ("agent.name", "agent.instructions", "agent.greeting", "tools", "llm", "tts")
    for key in _changed(before.model_dump(), after.model_dump()):
        if not (after.agents and before.agents and (key in double or _section(key) in double)):
            yield key


def _changed(before: dict[str, Any], after: dict[str, Any], path: str = "") -> Iterator[str]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and old and new:
            engines = [key for key in ("engine", "adapter") if old.get(key) != new.get(key)]
            if engines:
                yield f"{path}{name}.{engines[0]}"
            else:
                yield from _changed(old, new, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _waits(key: str, before: Config, after: Config) -> bool:
    if key == "turn.detector":  # the others need nothing
        return "smart_turn" in (before.turn.detector, after.turn.detector)
    return key in WAITS or _section(key) not in LIVE


def _section(key: str) -> str:
    return key.partition(".")[0]
