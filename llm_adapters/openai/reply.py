"""What the events of one streamed reply come to: text to speak, tool calls, the cost."""

from llm_adapters.openai.calls import CallReader
from llm_adapters.openai.stream import Characters, Delta
from llm_adapters.protocol import ToolCall, Usage
from llm_adapters.reasoning_filter import ThoughtFilter


class Reply:
    """Takes one event after the other."""

    def __init__(self, *, opens_in_thought: bool | None) -> None:
        """`opens_in_thought`: as `ThoughtFilter` has it."""
        self._characters = Characters()
        self._thoughts = ThoughtFilter(opened=opens_in_thought)
        self._calls = CallReader()
        self._usage: Usage | None = None
        self._spoken = False
        self.ended: str | None = None
        """The reason that the reply gives for its end."""

    @property
    def empty(self) -> bool:
        """Whether there has been neither text to speak nor a call."""
        return not self._spoken and not self._calls

    @property
    def opens_in_thought(self) -> bool | None:
        """Whether the model's next reply will begin with a thought that nothing opens."""
        return self._thoughts.opens_in_thought

    def feed(self, delta: Delta) -> str:
        """What is to be spoken of an event."""
        if delta.thinking:
            self._thoughts.apart()
        self._calls.feed(delta.calls)
        self._usage = delta.usage or self._usage
        self.ended = self.ended or delta.finish
        return self._said(self._thoughts.feed(self._characters.feed(delta.text)))

    def finish(self) -> str:
        """What is to be spoken once all events are there."""
        return self._said(self._thoughts.finish())

    def rest(self, prefix: str) -> list[ToolCall | Usage]:
        """What the reply is besides text; a call without an id gets one with `prefix`."""
        return [*self._calls.calls(prefix), *([self._usage] if self._usage else [])]

    def _said(self, text: str) -> str:
        self._spoken = self._spoken or bool(text)
        return text
