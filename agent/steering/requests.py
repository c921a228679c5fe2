"""Requests to a conversation from other processes: what can be asked for, and what is answered.

A request is a line of JSON, an object with `command` and what it takes; the answer is one, too:
`ok`, a `message` for people and, after `status`, the `state`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agent.errors import ParleyError, did_you_mean
from agent.guards.control_characters import json_line
from agent.guards.text import valid
from agent.steering.steering import Steering

LINE = 64 << 10
"""Bytes of a request, and of an answer, at most."""

TEXT = 8000
"""Characters of what is to be said or answered, at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    ok: bool
    message: str = ""
    state: dict[str, Any] | None = None

    def line(self) -> bytes:
        """It as it is sent."""
        state = {} if self.state is None else {"state": self.state}
        return json_line({"ok": self.ok, "message": self.message, **state}).encode() + b"\n"


class BadRequestError(ParleyError):
    """A request that cannot be understood."""


async def perform(steering: Steering, line: bytes) -> Answer:
    """Do what a line asks for; the answer comes when it is done."""
    try:
        request = _read(line)
        name = request.get("command")
        if not isinstance(name, str) or name not in _COMMANDS:
            hint = did_you_mean(str(name), _COMMANDS, f", there are {', '.join(_COMMANDS)}")
            raise BadRequestError(f"there is no command '{str(name)[:50]}'{hint}")
        return await _COMMANDS[name](steering, request)
    except ParleyError as error:
        return Answer(False, str(error))


def _read(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise BadRequestError('a request is a line of JSON such as {"command": "mute"}')
    return request


def _text(request: dict[str, Any]) -> str:
    text = request.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadRequestError(f"{request['command']}: what? Give the text")
    if len(text) > TEXT:
        raise BadRequestError(f"{request['command']}: at most {TEXT} characters, not {len(text)}")
    return valid(text.strip())


def _simple(
    act: Callable[[Steering], None], told: Callable[[Steering], str]
) -> Callable[[Steering, dict[str, Any]], Awaitable[Answer]]:
    async def run(steering: Steering, _request: dict[str, Any]) -> Answer:
        act(steering)
        return Answer(True, told(steering))

    return run


def _spoken(
    say: Callable[[Steering, dict[str, Any]], Callable[[], Awaitable[str]]],
) -> Callable[[Steering, dict[str, Any]], Awaitable[Answer]]:
    async def run(steering: Steering, request: dict[str, Any]) -> Answer:
        said = say(steering, request)
        if request.get("wait") is False:
            steering.begin(said)
            return Answer(True, "at the next pause")
        heard = await said()
        return Answer(bool(heard), heard or "nothing of it was heard")

    return run


def _say(steering: Steering, request: dict[str, Any]) -> Callable[[], Awaitable[str]]:
    text = _text(request)
    return lambda: steering.say(text)


def _ask(steering: Steering, request: dict[str, Any]) -> Callable[[], Awaitable[str]]:
    text = _text(request)
    return lambda: steering.ask(text)


async def _talk(steering: Steering, request: dict[str, Any]) -> Answer:
    acts = {"start": steering.press, "end": steering.release, None: steering.talk}
    if (act := acts.get(request.get("how"))) is None:
        raise BadRequestError("talk: start, end, or neither to change from one to the other")
    was = steering.talking
    act()
    return Answer(True, "answering" if was and act != steering.press else "your turn")


async def _volume(steering: Steering, request: dict[str, Any]) -> Answer:
    level, change = request.get("level"), request.get("change")
    if type(level) is int and 0 <= level <= 100:
        steering.volume = level
    elif type(change) is int and -100 <= change <= 100:
        steering.volume += change
    elif level is not None or change is not None:
        raise BadRequestError("volume: a number from 0 to 100, or +10 and -10 to change it")
    return Answer(True, f"volume {steering.volume} %")


async def _status(steering: Steering, _request: dict[str, Any]) -> Answer:
    state = steering.state
    return Answer(True, str(state), state.data())


async def _reload(steering: Steering, _request: dict[str, Any]) -> Answer:
    return Answer(True, await steering.reload())


def _sound(steering: Steering) -> str:
    return "muted" if steering.muted else "the microphone is on"


_COMMANDS: dict[str, Callable[[Steering, dict[str, Any]], Awaitable[Answer]]] = {
    "mute": _simple(Steering.mute, _sound),
    "unmute": _simple(Steering.unmute, _sound),
    "toggle": _simple(Steering.toggle, _sound),
    "talk": _talk,
    "stop": _simple(Steering.stop, lambda _: "silent"),
    "say": _spoken(_say),
    "ask": _spoken(_ask),
    "again": _spoken(lambda steering, _: steering.say_again),
    "volume": _volume,
    "status": _status,
    "reload": _reload,
}
