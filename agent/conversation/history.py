"""What has been said and heard, as the language model is told (P3).

Which words of a reply were heard is arithmetic on word starts and played samples.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

from agent.conversation.generation import ReplySource
from agent.conversation.spoken import Spoken
from agent.guards.text import valid
from llm_adapters import Message

NO_RESULT = "no result yet"
"""What a model is told of a call that somebody else answers, and has not yet."""


@dataclass(slots=True)
class Entry:
    """One thing that was said or done: a message, or the tools that a reply used."""

    key: str
    """Its name: `turn-3` for the words of the user's third turn, `reply-2` for the agent's."""
    message: Message | None
    tools: ReplySource | None = None
    aside: bool = False
    """Whether it was said to the agent's speech without wanting an answer."""
    spoken: Spoken | None = None
    """The words of a reply, for what was heard of it to be corrected."""


class History:
    """The history holds the conversation as it was heard: words whose audio left the speaker."""

    def __init__(self, instructions: str) -> None:
        """Starts with the system message `instructions`, if there are any."""
        self._instructions = instructions
        self._entries: list[Entry] = []
        self._forgotten: set[str] = set()
        self._numbers = count(1)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it, oldest first, as a language model is told it."""
        return self.told()

    def told(self, instructions: str | None = None, saying: str = "") -> tuple[Message, ...]:
        """Return all of it, as if the user said `saying` now; with other instructions if given.

        A tool that was still running gives its result once there.
        """
        system = self._instructions if instructions is None else instructions
        said = [Entry("", Message("user", saying))] if saying else []
        messages = as_told([*self._entries, *said])
        return (*([Message("system", system)] if system else []), *messages)

    @property
    def entries(self) -> Sequence[Entry]:
        """What it is made of, oldest first, without the instructions."""
        return self._entries

    def instruct(self, instructions: str) -> None:
        """Begin with other instructions from now on."""
        self._instructions = instructions

    def user(self, text: str, key: str = "") -> None:
        """Add what the user said; a model is told it with what has had no answer yet."""
        self._add(Message("user", text), key)

    def with_user(self, text: str) -> tuple[Message, ...]:
        """Return the messages as they would be if the user said `text` now."""
        return self.told(saying=text)

    def aside(self, text: str) -> None:
        """Add what the user said to the agent's speech without wanting an answer."""
        self._add(Message("user", f"({text})"), aside=True)

    def assistant(
        self,
        text: str,
        *,
        interrupted: bool = False,
        estimated: bool = False,
        key: str = "",
        spoken: Spoken | None = None,
    ) -> None:
        """Add what the agent was heard saying; nothing heard is nothing said."""
        if text:
            message = Message("assistant", text, interrupted=interrupted, estimated=estimated)
            self._add(message, key, spoken=spoken)

    def tools_used(self, source: ReplySource) -> None:
        """Add the tools that a reply used, and what they gave, before the words heard of it."""
        if source.messages:
            self._add(None, tools=source)

    def recall(self, messages: Sequence[Message]) -> None:
        """Add an earlier conversation, which this one goes on with."""
        for each in messages:
            self._add(replace(each, content=valid(each.content)))

    @property
    def last(self) -> Entry | None:
        """The last entry, if there is any."""
        return self._entries[-1] if self._entries else None

    @contextmanager
    def behind(self, entry: Entry | None) -> Iterator[None]:
        """Have what is added in the block stand behind `entry`, before what came since.

        None is the beginning; an entry that is there no more, the end.
        """
        places = (n for n, each in enumerate(self._entries, 1) if each is entry)
        place = 0 if entry is None else next(places, len(self._entries))
        since = self._entries[place:]
        del self._entries[place:]
        yield
        self._entries += since

    def insert(self, key: str, message: Message, after: str | None = None) -> None:
        """Put a message behind the entry `after`: "" is the beginning, None the end.

        Raises KeyError when there is no such entry.
        """
        if key in self._forgotten:
            return
        place = len(self._entries) if after is None else self._place(after) + 1 if after else 0
        self._entries.insert(place, Entry(key, replace(message, content=valid(message.content))))

    def forget(self, key: str) -> None:
        """Take an entry out, or never take it in: what is being said is added when it is over."""
        before = len(self._entries)
        self._entries = [entry for entry in self._entries if entry.key != key]
        if len(self._entries) == before:
            self._forgotten.add(key)

    def truncate(self, key: str, heard_ms: float) -> str:
        """Correct what was heard of a reply, which is returned: its first `heard_ms`.

        Raises KeyError when there is no such reply, or it has no words with times.
        """
        place = self._place(key)
        entry = self._entries[place]
        if entry.spoken is None or entry.message is None:
            raise KeyError(key)
        played = round(heard_ms / 1000 * entry.spoken.sample_rate)
        heard, unheard = entry.spoken.split(entry.spoken.heard(played))
        if not heard:
            del self._entries[place]
        elif unheard:
            estimated = entry.spoken.estimated
            entry.message = replace(
                entry.message, content=heard, interrupted=True, estimated=estimated
            )
        return heard

    def _add(
        self,
        message: Message | None,
        key: str = "",
        *,
        tools: ReplySource | None = None,
        aside: bool = False,
        spoken: Spoken | None = None,
    ) -> None:
        key = key or f"entry-{next(self._numbers)}"
        if key in self._forgotten:
            return
        self._entries.append(Entry(key, message, tools, aside, spoken))

    def _place(self, key: str) -> int:
        places = (place for place, entry in enumerate(self._entries) if entry.key == key)
        place = next(places, None)
        if place is None:
            raise KeyError(key)
        return place


def as_told(entries: Sequence[Entry]) -> list[Message]:
    """Return entries as a language model is told them.

    The user's words that follow one another, none of them an aside, are one message. Calls that
    somebody else answers stand together, each followed by its result, wherever that came.
    """
    results: dict[str | None, list[str]] = {}
    for entry in entries:
        if entry.message is not None and entry.message.role == "tool":
            results.setdefault(entry.message.call_id, []).append(entry.message.content)
    told: list[Message] = []
    open_ = False  # the last message is the user's, and waits for an answer
    calling: Message | None = None
    for entry in [*entries, Entry("", None)]:
        message = entry.message
        if message is not None and message.role == "tool":
            continue
        if message is not None and message.calls and not message.content and calling is not None:
            calling = replace(calling, calls=calling.calls + message.calls)
            continue
        if calling is not None:
            told.append(calling)
            for call in calling.calls:
                (result, *results[call.id]) = results.get(call.id) or [NO_RESULT]
                told.append(Message("tool", result, call_id=call.id))
            calling = None
        if entry.tools is not None:
            told += entry.tools.messages
        elif message is not None and message.calls:
            calling = message
        elif message is not None and open_ and message.role == "user" and not entry.aside:
            words = " ".join(filter(None, (told[-1].content, message.content)))
            told[-1] = replace(told[-1], content=words, images=told[-1].images + message.images)
        elif message is not None:
            told.append(message)
        open_ = message is not None and message.role == "user" and not entry.aside
    return told
