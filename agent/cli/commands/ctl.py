"""`parley ctl`: steers a running conversation from another process, such as a desktop shortcut."""

import argparse
import json
import sys
from typing import Any

EPILOG = """\
exit status: 0 done, 1 it could not be (stderr says why), 2 no such command, 3 nothing is running.

In sway:  bindsym $mod+m exec parley ctl toggle
          bindsym $mod+space exec parley ctl talk start
          bindsym --release $mod+space exec parley ctl talk end
"""
NOTHING_RUNS = 3
SIMPLE = (
    ("mute", "hear nothing, and keep nothing, of the user"),
    ("unmute", "hear the microphone again"),
    ("toggle", "mute, or unmute who is muted"),
    ("stop", "silence the agent: no more of any reply"),
    ("reload", "read the configuration again"),
)
SPOKEN = (
    ("say", "have the agent say something at the next pause; prints what was heard of it"),
    ("ask", "have something answered as if the user had said it; prints what was heard"),
    ("again", "have the agent say again what it said last"),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "ctl",
        help="steer a conversation that is running: mute, stop, say …",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", metavar="NAME", help="which one: its name, or its process")
    acts = parser.add_subparsers(dest="act", metavar="COMMAND", required=True, prog="parley ctl")
    for name, about in SIMPLE:
        acts.add_parser(name, help=about)
    talk = acts.add_parser("talk", help="begin or end the user's turn: push to talk")
    talk.add_argument("how", nargs="?", choices=("start", "end"), help="by default the other one")
    for name, about in SPOKEN:
        act = acts.add_parser(name, help=about)
        if name != "again":
            act.add_argument("text", nargs="+", metavar="TEXT", help="'-' reads it from stdin")
        act.add_argument("--no-wait", action="store_true", help="do not wait until it was heard")
    volume = acts.add_parser("volume", help="show how loud the agent speaks, or set it")
    volume.add_argument("level", nargs="?", metavar="N", help="0 to 100, or +10 or -10")
    status = acts.add_parser("status", help="tell how it stands, of all that are running")
    status.add_argument("--json", action="store_true", help="as JSON, a list")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the command, and print what came of it. Raises ParleyError."""
    from agent.steering.client import NobodyRunsError, find, send

    try:
        if args.act == "status":
            return _status(args)
        instance = find(args.to)
    except NobodyRunsError as error:
        print(f"parley: {error}", file=sys.stderr)
        return NOTHING_RUNS
    waits = args.act in {name for name, _ in SPOKEN} and not args.no_wait
    answer = send(instance, _request(args), patient=waits)
    print(answer["message"], file=sys.stdout if answer["ok"] else sys.stderr)
    return 0 if answer["ok"] else 1


def _request(args: argparse.Namespace) -> dict[str, Any]:
    request: dict[str, Any] = {"command": args.act}
    if getattr(args, "how", None):
        request["how"] = args.how
    if getattr(args, "no_wait", False):
        request["wait"] = False
    if texts := getattr(args, "text", None):
        request["text"] = sys.stdin.read() if texts == ["-"] else " ".join(texts)
    if level := getattr(args, "level", None):
        request["change" if level[0] in "+-" else "level"] = _number(level)
    return request


def _number(text: str) -> int:
    from agent.errors import ParleyError

    try:
        return int(text)
    except ValueError:
        raise ParleyError(f"volume: a number such as 60, +10 or -10, not {text}") from None


def _status(args: argparse.Namespace) -> int:
    from agent.steering.client import find, running, send

    which = [find(args.to)] if args.to else running() or [find()]
    answers = [send(instance, {"command": "status"}) for instance in which]
    if args.json:
        print(json.dumps([answer["state"] for answer in answers], ensure_ascii=False))
    else:
        print("\n".join(answer["message"] for answer in answers))
    return 0
