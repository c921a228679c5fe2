"""`parley ctl`: steers a running conversation from another process, such as a desktop shortcut."""

import argparse
import json
import sys
from typing import Any

from agent.errors import ParleyError, did_you_mean

COMMANDS = {
    "mute": ("", "hear nothing of the user, and keep nothing"),
    "unmute": ("", "hear the microphone again"),
    "toggle": ("", "mute, or unmute who is muted"),
    "talk": ("[start|end]", "begin or end the user's turn: push to talk, muted or not"),
    "stop": ("", "silence the agent: no more of any reply"),
    "say": ("TEXT", "say it at the next pause; prints what was heard of it"),
    "ask": ("TEXT", "answer it as if the user had said it; prints what was heard"),
    "again": ("", "say again what was said last"),
    "volume": ("[N|+N|-N]", "set how loud the agent speaks, 0 to 100, or tell"),
    "status": ("", "tell how it stands, of all that run; --json for programs"),
    "reload": ("", "read the configuration again"),
}
SPOKEN = ("say", "ask", "again")
NOTHING_RUNS = 3

_LIST = "\n".join(f"  {f'{name} {takes}':18}{about}" for name, (takes, about) in COMMANDS.items())
EPILOG = f"""\
commands:
{_LIST}

exit status: 0 done, 1 it could not be done (stderr says why), 2 no such command, 3 nothing runs

in sway:  bindsym $mod+m exec parley ctl toggle
          bindsym --no-repeat $mod+space exec parley ctl talk start
          bindsym --release $mod+space exec parley ctl talk end
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "ctl",
        help="steer a conversation that is running: mute, stop, say …",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("act", metavar="COMMAND", help="what to do, see below")
    parser.add_argument("words", nargs="*", metavar="TEXT", help="what it takes; '-' for stdin")
    parser.add_argument("--to", metavar="NAME", help="which one, by its name or process")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it was heard")
    parser.add_argument("--json", action="store_true", help="the status as JSON, a list")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the command, and print what came of it. Raises ParleyError."""
    from agent.steering.client import NobodyRunsError, find, running, send

    try:
        request = _request(args)
    except ParleyError as error:
        print(f"parley: ctl: {error}", file=sys.stderr)
        return 2
    try:
        if args.act == "status":
            which = [find(args.to)] if args.to else running() or [find()]
        else:
            which = [find(args.to)]
    except NobodyRunsError as error:
        print(f"parley: {error}", file=sys.stderr)
        return NOTHING_RUNS
    answers = [send(each, request, patient=request.get("wait", False)) for each in which]
    if args.json:
        print(json.dumps([answer.get("state") for answer in answers], ensure_ascii=False))
        return 0
    for answer in answers:
        if answer["ok"]:
            print(answer["message"])
        else:
            print(f"parley: {answer['message']}", file=sys.stderr)
    return 0 if all(answer["ok"] for answer in answers) else 1


def _request(args: argparse.Namespace) -> dict[str, Any]:
    """What is sent. Raises ParleyError for what is none."""
    if args.act not in COMMANDS:
        hint = did_you_mean(args.act, COMMANDS, f", there are {', '.join(COMMANDS)}")
        raise ParleyError(f"unknown command '{args.act}'{hint}")
    takes, _ = COMMANDS[args.act]
    if args.words and (not takes or (takes != "TEXT" and len(args.words) > 1)):
        raise ParleyError(f"{args.act} takes {takes or 'nothing'}, not {' '.join(args.words)}")
    request: dict[str, Any] = {"command": args.act}
    if args.act in SPOKEN:
        request["wait"] = not args.no_wait
    if takes == "TEXT":
        request["text"] = sys.stdin.read() if args.words == ["-"] else " ".join(args.words)
    elif args.words and args.act == "talk":
        request["how"] = args.words[0]
    elif args.words:
        (level,) = args.words
        request["change" if level[0] in "+-" else "level"] = _number(level)
    return request


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ParleyError(f"volume takes a number such as 60, +10 or -10, not {text}") from None
