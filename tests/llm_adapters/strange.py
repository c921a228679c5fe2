"""Further behaviours of the chat server: tools, thoughts, limits, and bytes torn apart."""

import json
from typing import Any

from tests.llm_adapters.chat_server import BEHAVIOURS, REPLY, Exchange, event

THOUGHT = "<think>Who is <this>?\n</think>\n\nGrüß dich, <b>world</b>."
SPOKEN = "Grüß dich, <b>world</b>."


def call(
    arguments: str,
    *,
    index: int | None = 0,
    id: str = "",  # noqa: A002
    name: str = "",
) -> dict[str, Any]:
    """A fragment of a tool call."""
    fragment: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        fragment["index"] = index
    if id:
        fragment |= {"id": id, "type": "function"}
    if name:
        fragment["function"]["name"] = name
    return fragment


async def calls(x: Exchange, *fragments: dict[str, Any]) -> None:
    """A reply that is nothing but these fragments, each an event."""
    await x.start()
    for fragment in fragments:
        await x.write(event({"tool_calls": [fragment]}))
    await x.write(event({}, finish="tool_calls"))
    await x.write(b"data: [DONE]\n\n", more=False)


async def one_call(x: Exchange) -> None:
    """Some words, then a call in one piece."""
    await x.start()
    await x.say("One moment.")
    await x.write(event({"tool_calls": [call('{"a": 1}', id="x1", name="add")]}))
    await x.end()


async def split_call(x: Exchange) -> None:
    """A call in single characters, its name too."""
    pieces = [call("", id="x1", name="a"), call("", name="d"), call("", name="d")]
    await calls(x, *pieces, *(call(char) for char in '{"text": "Grüß \\" dich"}'))


async def two_calls(x: Exchange) -> None:
    """Two calls, interleaved."""
    first, second = '{"a": 1}', '{"b": 22}'
    fragments = [call("", id="x1", name="add"), call("", index=1, id="x2", name="sub")]
    for index in range(max(len(first), len(second))):
        fragments.append(call(first[index : index + 1], index=0))
        fragments.append(call(second[index : index + 1], index=1))
    await calls(x, *fragments)


async def unnumbered_calls(x: Exchange) -> None:
    """Calls without numbers, each with an id; and all of them in one event, without any."""
    await calls(
        x,
        call('{"a": ', index=None, id="x1", name="add"),
        call("1}", index=None),
        call("{}", index=None, id="x2", name="sub"),
    )


async def nameless_calls(x: Exchange) -> None:
    """Calls without ids, whole in one event."""
    await x.start()
    both = [call('{"a": 1}', index=None, name="add"), call("{}", index=None, name="sub")]
    await x.write(event({"tool_calls": both}))
    await x.end()


async def call_midway(x: Exchange) -> None:
    """Ends in the middle of a call."""
    await x.start()
    await x.write(event({"tool_calls": [call('{"a"', id="x1", name="add")]}))
    await x.write(b"", more=False)


async def torn_thought(x: Exchange) -> None:
    """A thought in the text, a character at a time."""
    await x.start()
    await x.say(*THOUGHT)
    await x.end()


async def opened_thought(x: Exchange) -> None:
    """A thought that the prompt has opened already."""
    await x.start()
    await x.say("Who is this?", "</think>", *REPLY)
    await x.end()


async def opened_aloud(x: Exchange) -> None:
    """The same, and it speaks of the user."""
    await x.start()
    await x.say("Okay", ",", " the", " user", " greets", " me.", "</think>", *REPLY)
    await x.end()


async def torn_characters(x: Exchange) -> None:
    """Characters split over events: as bytes of UTF-8, and as two surrogates."""
    await x.start()
    for half in "Gr", "ü", "🙂!":
        for byte in half.encode():
            text = bytes([byte])
            await x.write(b'data: {"choices": [{"delta": {"content": "' + text + b'"}}]}\n\n')
    for half in "\\ud83d", "\\ude42", "\\ud83d", "?":
        await x.write(b'data: {"choices": [{"delta": {"content": "' + half.encode() + b'"}}]}\n\n')
    await x.end()


async def half_character(x: Exchange) -> None:
    """Its last bytes are the first one of two that make a character."""
    await x.start()
    await x.say(*REPLY)
    await x.write(b'data: {"choices": [{"delta": {"content": "\xc3"}}]}\n\n')
    await x.end()


async def counted(x: Exchange) -> None:
    """Says what it cost, after its end."""
    await x.start()
    await x.say(*REPLY)
    await x.write(event({}, finish="stop"))
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 16},
    }
    await x.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
    await x.write(b"data: [DONE]\n\n", more=False)


async def uncounted(x: Exchange) -> None:
    """Knows no `stream_options`."""
    if "stream_options" in x.body:
        await x.fail(422, "extra inputs are not permitted: stream_options")
    else:
        await BEHAVIOURS["good"](x)


async def toolless(x: Exchange) -> None:
    """Takes no tools."""
    if "tools" in x.body:
        await x.fail(400, "toolless does not support tools")
    else:
        await BEHAVIOURS["good"](x)


async def unreasoning(x: Exchange) -> None:
    """Takes no effort but a low one, and tells not how many tools it calls."""
    if x.body.get("reasoning_effort") not in (None, "low"):
        message = "Unsupported value: 'reasoning_effort' does not support that with this model."
        await x.fail(400, message)
    elif "parallel_tool_calls" in x.body:
        await x.fail(400, "Unrecognized request argument supplied: parallel_tool_calls")
    else:
        await BEHAVIOURS["good"](x)


async def blind(x: Exchange) -> None:
    """Sees no images; as llama.cpp says it."""
    if any(isinstance(message["content"], list) for message in x.body["messages"]):
        await x.fail(500, "image input is not supported - hint: you may need to provide the mmproj")
    else:
        await BEHAVIOURS["good"](x)


async def forgetful(x: Exchange) -> None:
    """Takes no more than 2,000 characters."""
    if len(json.dumps(x.body["messages"])) > 2000:
        await x.fail(400, "the request exceeds the available context size")
    else:
        await BEHAVIOURS["good"](x)


async def busy_until(x: Exchange) -> None:
    """Too many requests the first time, and says when to come again by its own clock."""
    if x.tries > 1:
        await BEHAVIOURS["good"](x)
        return
    await x.fail(
        429,
        "slow down",
        retry_after="Wed, 01 Jan 2020 00:00:01 GMT",
        date="Wed, 01 Jan 2020 00:00:00 GMT",
    )


async def timer(x: Exchange) -> None:
    """Sets a timer of three seconds, and says so once it is set."""
    if x.body["messages"][-1]["role"] == "tool":
        await x.start()
        await x.say("Three", " seconds", " it", " is", ".")
        await x.end()
        return
    arguments = {"seconds": 3, "announcement": "Your tea is ready."}
    await calls(x, call(json.dumps(arguments), id="x1", name="timer"))


async def warm(x: Exchange) -> None:
    """Stops after a token that is no word when it may say no more."""
    if x.body.get("max_tokens") != 1:
        await BEHAVIOURS["good"](x)
        return
    await x.start()
    await x.write(event({"content": ""}, finish="length"))
    await x.write(b"data: [DONE]\n\n", more=False)


BEHAVIOURS |= {
    "one-call": one_call,
    "split-call": split_call,
    "two-calls": two_calls,
    "unnumbered-calls": unnumbered_calls,
    "nameless-calls": nameless_calls,
    "call-midway": call_midway,
    "torn-thought": torn_thought,
    "opened-thought": opened_thought,
    "opened-thought-thinking": opened_thought,
    "opened-aloud": opened_aloud,
    "half-character": half_character,
    "torn-characters": torn_characters,
    "counted": counted,
    "uncounted": uncounted,
    "toolless": toolless,
    "forgetful": forgetful,
    "blind": blind,
    "unreasoning": unreasoning,
    "busy-until": busy_until,
    "timer": timer,
    "warm": warm,
}
