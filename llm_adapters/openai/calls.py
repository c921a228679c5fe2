"""Assembly of the tool calls in a streamed chat completion: fragments in, whole calls out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llm_adapters.nearly_json import read_object
from llm_adapters.protocol import ToolCall

LONG = 10_000
"""Characters of arguments beyond which a closing brace is taken for their end."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether the arguments are a whole object, as far as that can be told at little cost."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        text = "".join(self.arguments)
        if len(text) > LONG:
            return True
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False


def _object(arguments: str) -> str:
    """Return the arguments as a JSON object, if there is exactly one reading as such."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    found = read_object(arguments)
    return arguments if found is None else json.dumps(found, ensure_ascii=False)


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
            name = str(function.get("name") or "")
            call = self._call(index if isinstance(index, int) else position, call_id, name)
            # A name may come in pieces, or, with the id, again and again.
            if not (name == call.name and call_id):
                call.name += name
            arguments = function.get("arguments")
            if isinstance(arguments, str) and arguments:
                call.arguments.append(arguments)
            elif isinstance(arguments, dict):  # not as it should be, but clear
                call.arguments.append(json.dumps(arguments))

    def calls(self, prefix: str) -> list[ToolCall]:
        """All calls, in the order they began; one without an id of its own gets one of `prefix`."""
        calls: dict[str, ToolCall] = {}
        for call in self._calls:
            if call.name:
                own = call.id and call.id not in calls
                call_id = call.id if own else f"{prefix}{len(calls)}"
                calls[call_id] = ToolCall(call_id, call.name, _object("".join(call.arguments)))
        return list(calls.values())

    @property
    def whole(self) -> bool:
        """Whether every call has all of its arguments."""
        return all(call.whole for call in self._calls if call.name)

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def _call(self, index: int, call_id: str, name: str) -> _Call:
        """The call that a fragment belongs to, whose number may drift, or always be the same."""
        call = self._open.get(index)
        other_id = call is not None and bool(call_id and call.id and call_id != call.id)
        if name:
            # Arguments that are whole are followed by another call, but for an id that says no.
            again = call is not None and call.whole and not (call_id and call_id == call.id)
            begins = call is None or other_id or again
            if call is None and self._calls and call_id and self._calls[-1].id == call_id:
                begins, call = self._calls[-1].whole, self._calls[-1]
        else:
            begins = call is None or (other_id and call.whole)
            if begins and self._calls and not self._calls[-1].whole:
                begins, call = False, self._calls[-1]
        if begins or call is None:
            call = _Call()
            self._calls.append(call)
        self._open[index] = call
        call.id = call.id or call_id
        return call
