"""`parley test`: scripted users talk with an agent, and what comes of it is looked at."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.options import add_set, whole

if TYPE_CHECKING:
    from agent.config.load import Config
    from agent.testing.cases import Case, Cases
    from agent.testing.run import Result

BAD_INPUT = 2


HARDLY_HEARD = (
    "pocketsphinx understands little of espeak, the user's voice: ears: script, or voice: "
    '{engine: command, command: [flite, -voice, rms, -t, "{text}", -o, "{output}"]}'
)
"""What is said where such a case has failed."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("test", help="test an agent with scripted users")
    parser.add_argument("config", metavar="CONFIG", help="a YAML file or a preset's name")
    parser.add_argument(
        "cases",
        nargs="?",
        metavar="CASES",
        help="a YAML file of cases (default: beside CONFIG, NAME.cases.yaml)",
    )
    add_set(parser)
    parser.add_argument("-k", metavar="NAME", help="only the cases with this in their name")
    parser.add_argument(
        "--repeat", metavar="N", type=whole(1, 100), help="run each case so many times"
    )
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write a report for CI there")
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="keep sound and events of failed cases there"
    )
    parser.add_argument(
        "--real-time",
        action="store_true",
        help="let time pass as it does, as it is with engines that are not embedded",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the cases: 0 if all is as expected, 1 if not, 2 if the files are wrong."""
    from agent.config.load import load_config
    from agent.errors import ConfigError
    from agent.testing.run import fits_virtual_time

    try:
        config = load_config(args.config, args.set)
        cases, path = _cases(args, config)
        chosen = _chosen(cases, args)
    except ConfigError as error:
        for line in str(error).split("\n"):
            print(f"parley: {line}", file=sys.stderr)
        return BAD_INPUT
    virtual = not args.real_time and fits_virtual_time(config, chosen)
    many = f"{len(chosen)} case{'s' if len(chosen) > 1 else ''}"
    print(f"{path.name}: {many} in {'virtual' if virtual else 'real'} time", flush=True)
    began = time.monotonic()
    results = _run(config, cases, chosen, virtual=virtual, keep=args.keep)
    failed = sum(bool(result.problems) for result in results)
    if args.junit is not None:
        from agent.testing.keeping import write_junit

        write_junit(args.junit, path.stem.removesuffix(".cases"), results)
    seconds = time.monotonic() - began
    print(f"{len(results) - failed} passed, {failed} failed ({seconds:.1f} s)")
    if any(result.problems and _hardly_heard(result.case, config) for result in results):
        print(HARDLY_HEARD)
    return 1 if failed else 0


def _hardly_heard(case: "Case", config: "Config") -> bool:
    voice = "" if case.voice is None else case.voice.engine_name
    heard = case.user == "speech" and case.ears != "script"
    return heard and voice == "espeak" and config.stt.engine_name == "pocketsphinx"


def _cases(args: argparse.Namespace, config: "Config") -> "tuple[Cases, Path]":
    """The file of cases, and where it is. Raises ConfigError."""
    from agent.config.load import locate
    from agent.errors import ConfigError, did_you_mean
    from agent.testing.cases import load_cases

    if args.cases is not None:
        path = Path(args.cases)
    else:
        place = Path(str(locate(args.config)))
        path = place.with_suffix(".cases.yaml")
    cases = load_cases(path)
    judge = (cases.judge or config.llm).engine_name
    for case in cases.cases:
        for number, turn in enumerate(case.turns, 1):
            where = f"{path}: case '{case.name}', turn {number}: expect"
            agent = turn.expect.agent
            if agent is not None and agent not in config.agents:
                there = f"; there are {', '.join(config.agents)}" if config.agents else ""
                hint = did_you_mean(agent, config.agents, there or "; there are not several")
                raise ConfigError(f"{where}.agent: there is no agent '{agent}'{hint}")
            if turn.expect.judge and cases.judge is None and judge == "eliza":
                raise ConfigError(
                    f"{where}.judge: eliza judges nothing: give the file a judge, such as "
                    "{adapter: auto}"
                )
    return cases, path


def _chosen(cases: "Cases", args: argparse.Namespace) -> "list[Case]":
    """Those that are to be run. Raises ConfigError if there are none, or a judge is missing."""
    from agent.errors import ConfigError, did_you_mean

    every = [cases.whole(case) for case in cases.cases]
    if args.repeat is not None:
        every = [case.model_copy(update={"repeat": args.repeat}) for case in every]
    if args.k is None:
        return every
    found = [case for case in every if args.k.lower() in case.name.lower()]
    if not found:
        hint = did_you_mean(args.k, [case.name for case in every])
        raise ConfigError(f"-k: no case has '{args.k}' in its name{hint}")
    return found


def _run(
    config: "Config",
    cases: "Cases",
    chosen: "Sequence[Case]",
    *,
    virtual: bool,
    keep: Path | None,
) -> "list[Result]":
    from anyio.from_thread import start_blocking_portal

    from agent.cli import ending
    from agent.testing.clock import VirtualLoop
    from agent.testing.run import Runner

    results: list[Result] = []

    async def run_all(runner: Runner) -> None:
        async with aclosing(runner.run(chosen)) as each:
            async for result in each:
                results.append(result)
                _tell(result, keep)

    with start_blocking_portal() as portal:
        runner = Runner(config, cases, portal, virtual=virtual)
        ending.run(partial(run_all, runner), loop=VirtualLoop if virtual else None)
    return results


def _tell(result: "Result", keep: Path | None) -> None:
    print(f"{'FAIL' if result.problems else 'ok':4}  {result.name} ({result.seconds:.1f} s)")
    lines = [*result.problems, *(str(v) for v in result.verdicts if v.passed)]
    if result.problems and keep is not None:
        from agent.testing.keeping import keep as keep_files

        lines += [f"kept: {path}" for path in keep_files(keep, result)]
    for line in lines:
        print(f"      {' '.join(line.split())}")
    sys.stdout.flush()
