"""Whether what came of a step is what was expected of it. Pure logic."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from agent.conversation.states import plain
from agent.testing.cases import Call, Words
from agent.testing.record import Step
from agent.tools import ToolCalled


def problems(step: Step) -> Iterator[str]:
    """What is not as expected, a line each; without what a judge is asked."""
    yield from step.problems
    expected = step.turn.expect
    said = " ".join(step.replies)
    if expected.says is not None:
        yield from _words("says", expected.says, said)
    if expected.understands is not None:
        yield from _words("understands", expected.understands, " ".join(step.understood))
    if expected.calls is not None:
        yield from _calls(expected.calls, step.calls)
    if expected.heard is not None:
        if step.heard is None:
            yield "heard: no answer was interrupted"
        else:
            yield from _words("heard", expected.heard, step.heard)
    if expected.latency is not None:
        if step.latency is None:
            yield "latency: there was no answer"
        elif step.latency > expected.latency:
            yield f"latency: {step.latency:.2f} s, more than {expected.latency:g} s"
    if expected.agent is not None and step.agent != expected.agent:
        yield f"agent: it is {step.agent or 'the only one'}, not {expected.agent}"


def _words(what: str, expected: Words, text: str) -> Iterator[str]:
    words = f" {plain(text)} "
    got = f"(it was '{text}')" if text else "(there was nothing)"
    for each in expected.contains:
        if f" {plain(each)} " not in words:
            yield f"{what}: '{each}' is not in it {got}"
    for each in expected.matches:
        if not re.search(each, text, re.I):
            yield f"{what}: it does not match '{each}' {got}"
    for each in expected.lacks:
        if f" {plain(each)} " in words:
            yield f"{what}: '{each}' is in it {got}"


def _calls(expected: Sequence[Call], made: Sequence[ToolCalled]) -> Iterator[str]:
    got = ", ".join(f"{call.name} {call.arguments}" for call in made) or "none"
    if not expected and made:
        yield f"calls: there should be none (there were: {got})"
    rest = list(made)
    for call in expected:
        while rest:
            if _fits(call, rest.pop(0)):
                break
        else:
            wanted = f"{call.name} {json.dumps(call.arguments)}" if call.arguments else call.name
            yield f"calls: {wanted} is missing (there were: {got})"


def _fits(expected: Call, made: ToolCalled) -> bool:
    try:
        arguments = json.loads(made.arguments or "{}")
    except ValueError:
        return False
    return expected.name == made.name and _within(expected.arguments, arguments)


def _within(expected: Any, given: Any) -> bool:
    """Whether all that is expected is in what was given; texts by their words, lists whole."""
    if isinstance(expected, dict):
        if not isinstance(given, dict):
            return False
        return all(name in given and _within(each, given[name]) for name, each in expected.items())
    if isinstance(expected, list):
        same = isinstance(given, list) and len(given) == len(expected)
        return same and all(map(_within, expected, given))
    if isinstance(expected, str) and isinstance(given, str):
        return plain(expected) == plain(given)
    return bool(expected == given and isinstance(expected, bool) == isinstance(given, bool))
