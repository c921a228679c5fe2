"""Rules of one's own for Eliza."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from agent.config.load import parse_config
from agent.errors import ConfigError
from llm_adapters import Message, TextDelta, ToolCall, ToolSpec
from llm_adapters.eliza.adapter import Eliza
from llm_adapters.eliza.scripted import Rule

pytestmark = pytest.mark.anyio

TIMER = ToolSpec(
    "set_timer",
    "",
    {"properties": {"minutes": {"type": "number"}, "name": {"type": "string"}}},
)
RULES = [
    Rule(
        hears=r"timer for (?P<n>.+?) minutes?(?: for (.+))?$",
        calls="set_timer",
        arguments={"minutes": "{n}", "name": "{1}"},
        says=["{n} minutes it is: {result}."],
    ),
    Rule(hears="^hello", says=["One.", "Two."]),
]


async def answer(*messages: Message, tools: Any = (TIMER,), rules: Any = RULES) -> Any:
    items = [item async for item in Eliza(rules=rules).reply(messages, tools)]
    if isinstance(items[0], ToolCall):
        return items[0].name, json.loads(items[0].arguments)
    return "".join(item.text for item in items if isinstance(item, TextDelta))


@pytest.mark.parametrize(
    ("said", "minutes", "name"),
    [
        ("Set a timer for twenty five minutes for the eggs.", 25, "the eggs"),
        ("a timer for 3 minutes", 3, ""),
        ("a timer for a minute", 1, ""),
        ("a timer for three minutes minutes", 180, ""),
        ("a timer for some minutes", "some", ""),
    ],
)
async def test_a_rule_calls_a_tool(said: str, minutes: Any, name: str) -> None:
    called = await answer(Message("user", said))
    assert called == ("set_timer", {"minutes": minutes, "name": name})


async def test_what_the_tool_gave_is_said() -> None:
    asked = Message("user", "a timer for two minutes")
    result = Message("tool", "done", call_id="1")
    assert await answer(asked, result) == "two minutes it is: done."
    bare = [Rule(hears="timer", calls="set_timer")]
    assert await answer(asked, result, rules=bare) == "done"
    assert await answer(asked, result, Message("user", "hello"), rules=RULES) == "Two."


async def test_a_tool_that_is_not_offered_is_not_called() -> None:
    assert isinstance(await answer(Message("user", "a timer for two minutes"), tools=()), str)


@pytest.mark.parametrize("rule", [{"hears": "("}, {"hears": "x"}, {"hears": "x", "sais": "y"}])
async def test_a_rule_that_is_none(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


async def test_what_is_wrong_with_a_rule_is_told_with_its_line() -> None:
    text = b"llm:\n  adapter: eliza\n  rules:\n    - {hears: '(', says: Yes.}\n"
    with pytest.raises(ConfigError, match=r"x:4: llm.rules\[0\].hears: should be a regular expr"):
        parse_config(text, "x")
