"""Assembly of one streamed reply from its events: text to speak, tool calls, token usage."""

import re
from collections.abc import Collection

from llm_adapters.openai.calls import ToolCallAssembler
from llm_adapters.openai.stream import CharacterAssembler, Delta
from llm_adapters.protocol import ToolCall, Usage
from llm_adapters.reasoning_filter import ReasoningFilter
from llm_adapters.text_calls import TextCalls

MAX_REPLY = 1 << 20
"""Characters of text and of arguments: of the one, eighteen hours of speech."""
_WHOLE = re.compile(r"[.!?…。！？][\s\"'”’»)\]*_]*$")


class Reply:
    """Assembler of one reply: takes one event after the other."""

    def __init__(self, *, starts_in_reasoning: bool | None, tools: Collection[str] = ()) -> None:
        """`starts_in_reasoning`: as `ReasoningFilter` has it; `tools` are the names known."""
        self._characters = CharacterAssembler()
        self._reasoning = ReasoningFilter(starts_in_reasoning=starts_in_reasoning)
        self._calls = ToolCallAssembler()
        self._text_calls = TextCalls(tools)
        self._usage: Usage | None = None
        self._spoken = False
        self._last = ""  # words
        self.size = 0
        """Characters so far, of reasoning too, if it is in the text."""
        self.ended: str | None = None
        """The reason that the reply gives for its end."""

    @property
    def empty(self) -> bool:
        """Whether there has been neither text to speak nor a call."""
        return not self._spoken and not self._calls and not self._text_calls.calls

    @property
    def over(self) -> bool:
        """Whether the model has ended it with a control token: what follows is not its own."""
        return self._reasoning.over

    @property
    def whole(self) -> bool:
        """Whether it reads as if it were: it ends with a sentence, or with whole calls."""
        if self._calls:
            return self._calls.whole
        return bool(self._text_calls.calls or _WHOLE.search(self._last))

    @property
    def unreadable_call(self) -> str:
        """The beginning of a call that was written as text and cannot be made, if there is one."""
        return self._text_calls.unreadable

    @property
    def starts_in_reasoning(self) -> bool | None:
        """Whether the model's next reply will begin with reasoning that no tag opens."""
        return self._reasoning.starts_in_reasoning

    def add(self, delta: Delta) -> str:
        """Add an event; what is to be spoken of it."""
        if delta.reasoning:
            self._reasoning.reasoning_is_separate()
        self._calls.add(delta.calls)
        self.size += len(delta.text) + sum(map(_size, delta.calls))
        self._usage = delta.usage or self._usage
        self.ended = self.ended or delta.finish
        text = self._reasoning.feed(self._characters.decode(delta.text))
        said = self._said(self._text_calls.feed(text))
        if self.over:
            self.ended = self.ended or "stop"
        return said

    def finish(self) -> str:
        """End the reply; what is to be spoken besides."""
        text = self._text_calls.feed(self._reasoning.finish())
        return self._said(text + self._text_calls.finish())

    def rest(self, prefix: str) -> list[ToolCall | Usage]:
        """Return the calls and the usage; a call without an id gets one with `prefix`."""
        calls = self._calls.calls(prefix)
        for name, arguments in self._text_calls.calls:
            calls.append(ToolCall(f"{prefix}text_{len(calls)}", name, arguments))
        return [*calls, *([self._usage] if self._usage else [])]

    def _said(self, text: str) -> str:
        self._spoken = self._spoken or bool(text)
        self._last = (self._last + text)[-16:]
        return text


def _size(fragment: object) -> int:
    """Characters that a fragment of a call holds, and what it costs to hold them."""
    function = fragment.get("function") if isinstance(fragment, dict) else None
    values = function.values() if isinstance(function, dict) else ()
    return 64 + sum(len(value) for value in values if isinstance(value, str))
