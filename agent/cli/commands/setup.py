"""`parley setup`: looks at the machine, tries what fits it, and writes the configuration."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import ending
from agent.cli.options import add_microphone, add_speaker, with_devices
from agent.errors import ParleyError

if TYPE_CHECKING:
    from agent.cli.console import SafeConsole
    from agent.config.load import Config
    from agent.events import Event
    from agent.setup.machine import Machine
    from agent.setup.measure import Tried
    from agent.setup.plan import Choice, Plan

TRIAL = 60.0
"""Seconds that the user has for a sentence, and the agent for its answer."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("setup", help="find, download and try what fits this machine")
    parser.add_argument("--yes", action="store_true", help="ask nothing, take what is proposed")
    parser.add_argument(
        "--language",
        metavar="CODES",
        help="what is spoken, such as en, de, or en,es (default: the system's)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of your own")
    mirror = parser.add_mutually_exclusive_group()
    mirror.add_argument(
        "--mirror", type=Path, metavar="DIR", help="take models from this folder, not the network"
    )
    mirror.add_argument(
        "--fill-mirror",
        type=Path,
        metavar="DIR",
        help="only download there what is proposed, for a machine without a network",
    )
    add_microphone(parser)
    add_speaker(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Set up. Raises ParleyError."""
    from agent.cli.console import SafeConsole
    from agent.setup import machine as machines
    from agent.setup.downloads import read_sums
    from agent.setup.measure import try_out
    from agent.setup.plan import propose
    from agent.setup.write import keep, text_of

    if not args.yes and not sys.stdin.isatty():
        raise ParleyError("there is nobody to ask: give --yes to take what is proposed")
    if args.mirror is not None:
        read_sums(args.mirror)
    console = SafeConsole(wrap=False)
    machine = ending.run(machines.look)
    _show_machine(console, machine)
    languages = _languages(args, machine)
    plan = propose(machine, languages)
    if not args.yes:
        _choose(console, plan)
    if not _agreed(console, args, plan, machine):
        console.print("nothing was changed")
        return 1
    if args.fill_mirror is not None:
        return _fill(console, args.fill_mirror, plan)
    tried = ending.run(partial(try_out, plan, args.mirror, partial(_show_tried, console)))
    text = text_of(machine, tried, languages)
    _rehearse(console, args, text)
    path, old = keep(text, args.output)
    if old is not None:
        console.print(f"the configuration that was there is {old} now")
    console.print(f"written: {path}\ntalk: parley talk" + (f" {path}" if args.output else ""))
    return 0


def _show_machine(console: "SafeConsole", machine: "Machine") -> None:
    for subject, found in machine.lines():
        console.print(f"{subject:16} {found}")


def _languages(args: argparse.Namespace, machine: "Machine") -> tuple[str, ...]:
    given = args.language
    if given is None:
        given = (
            machine.language if args.yes else _ask("languages you speak to it", machine.language)
        )
    codes = tuple(code.strip().lower() for code in given.split(",") if code.strip())
    if not codes or not all(code.isalpha() and len(code) in (2, 3) for code in codes):
        raise ParleyError(f"{given!r} is no list of languages: give codes such as en, or en,de")
    return codes


def _choose(console: "SafeConsole", plan: "Plan") -> None:
    """Let the user put another choice first; a slower machine than thought goes on from there."""
    for part, choices in plan.parts():
        if len(choices) < 2 or part == "turn":  # there the first that works is the best
            continue
        console.print()
        for number, choice in enumerate(choices, 1):
            console.print(f"  {number}  {_line(choice)}")
        answer = _ask(part, "1")
        if not answer.isdecimal() or not 1 <= int(answer) <= len(choices):
            raise ParleyError(f"{part}: {answer!r} is none of 1 to {len(choices)}")
        del choices[: int(answer) - 1]


def _line(choice: "Choice") -> str:
    size = f", {choice.megabytes} MB" if choice.megabytes else ""
    return f"{choice.title}{size}: {choice.why}"


def _agreed(
    console: "SafeConsole", args: argparse.Namespace, plan: "Plan", machine: "Machine"
) -> bool:
    first = [choices[0] for _, choices in plan.parts()]
    size = sum(choice.megabytes for choice in first)
    console.print()
    for choice in first:
        console.print(f"  {_line(choice)}")
    if args.mirror is not None:
        return True
    if machine.disk * 1000 < size + 500:
        raise ParleyError(
            f"{size} MB are needed and {machine.disk * 1000:.0f} MB are free: make room, or set "
            "HF_HOME to a folder on another disk"
        )
    about = f"{size} MB are downloaded, as far as they are not here yet"
    if args.yes:
        console.print(about)
        return True
    return _ask(f"{about}; go on", "yes").lower() in ("y", "yes")


def _fill(console: "SafeConsole", mirror: Path, plan: "Plan") -> int:
    from agent.setup.downloads import fill_mirror

    # All of them: which is fast enough is known only where it is used.
    choices = [choice for _, choices in plan.parts() for choice in choices]
    downloads = list({each: None for choice in choices for each in choice.downloads})
    count = fill_mirror(mirror, downloads)
    console.print(f"{count} files in {mirror}\nthere: parley setup --mirror {mirror}")
    return 0


def _show_tried(console: "SafeConsole", part: str, tried: "Tried") -> None:
    if tried.speed is None:
        result = f"cannot be used: {tried.problem}"
    else:
        slow = "" if tried.speed.enough else " (slow)"
        result = f"{tried.speed.text}{slow}"
    console.print(f"{part:5} {tried.choice.title}: {result}")


def _rehearse(console: "SafeConsole", args: argparse.Namespace, text: str) -> None:
    """Hear a question answered: a recorded one, and then, if somebody is there, the user's own."""
    from agent.config.load import parse_config
    from agent.setup.measure import SENTENCE
    from configs import QUESTION

    config = parse_config(text.encode(), "the new configuration")
    console.print("\na recorded question is answered, without a sound:")
    if not ending.run(partial(_talk, with_devices(config, str(QUESTION), None), silent=True)):
        console.print(f"no answer within {TRIAL:g} s: this machine is too slow for them, or busy")
    if args.yes or _ask("speak, and hear it", "yes").lower() not in ("y", "yes"):
        return
    greeting = config.agent.model_copy(update={"greeting": f"{SENTENCE} Now say something to me."})
    own = config.model_copy(update={"agent": greeting})
    try:
        ending.run(partial(_talk, with_devices(own, args.mic, args.speaker), silent=False))
    except ParleyError as error:  # a sound card is not what was to be set up
        console.print(f"not heard here: {error}")


async def _talk(config: "Config", *, silent: bool) -> bool:
    """Converse until one turn has been answered; False if none was in time."""
    import anyio

    from agent.cli.live import talk
    from agent.events import AssistantDone

    answered = False
    with anyio.move_on_after(TRIAL) as trial:

        def watch(event: "Event") -> None:
            nonlocal answered
            if isinstance(event, AssistantDone) and event.turn:
                answered = True
                trial.cancel()

        await talk(config, silent=silent, watch=watch)
    return answered


def _ask(question: str, default: str) -> str:
    """Ask on the terminal. Raises ParleyError when it is closed."""
    try:
        return input(f"{question} [{default}]: ").strip() or default
    except EOFError:
        print()
        raise ParleyError("setup was not finished, and nothing was written") from None
