"""Assembly of the tool calls in a streamed chat completion: fragments in, whole calls out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llm_adapters.protocol import ToolCall


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ToolCallAssembler:
    """Assembler of one reply's tool calls, however they are split and interleaved."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._open: dict[int, _Call] = {}

    def add(self, fragments: Iterable[Any]) -> None:
        """Add the `tool_calls` of one event; what is not a fragment of a call is passed over."""
        for position, fragment in enumerate(fragments):
            if not isinstance(fragment, dict):
                continue
            function = fragment.get("function")
            function = function if isinstance(function, dict) else {}
            # Most servers number the calls; some only begin each with its id.
            call_id = str(fragment.get("id") or "")
            index = fragment.get("index")
            call = self._call(index if isinstance(index, int) else position, call_id)
            name = str(function.get("name") or "")
            # A name may come in pieces, or, with the id, again and again.
            if not (name == call.name and call_id and call.arguments):
                call.name += name
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                call.arguments.append(arguments)
            elif isinstance(arguments, dict):  # not as it should be, but clear
                call.arguments.append(json.dumps(arguments))

    def calls(self, prefix: str) -> list[ToolCall]:
        """All calls, in the order they began; one without an id gets one with `prefix`."""
        return [
            ToolCall(call.id or f"{prefix}{number}", call.name, "".join(call.arguments))
            for number, call in enumerate(self._calls)
            if call.name
        ]

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def _call(self, index: int, call_id: str) -> _Call:
        call = self._open.get(index)
        if call is None or (call_id and call.id and call_id != call.id):
            call = self._open[index] = _Call()
            self._calls.append(call)
        call.id = call.id or call_id
        return call
