"""`parley doctor`: is everything there that the configuration needs, and if not, what to do."""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from agent.cli.options import add_address, add_set

if TYPE_CHECKING:
    from agent.doctor.finding import Finding


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("doctor", help="check what a configuration needs to run")
    parser.add_argument(
        "config", nargs="?", metavar="CONFIG", help="a YAML file, or the name of a preset"
    )
    add_set(parser)
    add_address(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line for each finding; the status is 1 if something is missing."""
    from agent.cli import ending
    from agent.config.load import Config, load_config, locate, place_name
    from agent.doctor.checks import OF_ENGINES, OF_MACHINE, examine
    from agent.doctor.checks_server import Address, server
    from agent.doctor.finding import Finding
    from agent.errors import ConfigError

    address = Address(host=args.host, port=args.port, tls_cert=args.tls_cert, tls_key=args.tls_key)
    serving = partial(server, address=address)
    machine = [serving if check is server else check for check in OF_MACHINE]
    checks = [*machine, *OF_ENGINES]
    try:
        place = locate(args.config)
        config = load_config(args.config, args.set)
        findings = [Finding("ok", "config", place_name(place))]
    except ConfigError as error:
        findings = [Finding("missing", "config", line) for line in str(error).split("\n")]
        # What the engines need is unknown; the machine can be looked at all the same.
        config, checks = Config(), machine
    findings += ending.run(examine, config, checks)
    print("\n".join(lines(findings)))
    missing = sum(finding.state == "missing" for finding in findings)
    if missing:
        print(f"\n{missing} missing")
    return 1 if missing else 0


def lines(findings: Sequence["Finding"]) -> list[str]:
    """The findings as a table: state, subject, what was found and, indented, how to fix it."""
    width = max(len(finding.subject) for finding in findings)
    table = []
    for finding in findings:
        table.append(f"{finding.state:7}  {finding.subject:{width}}  {finding.detail}")
        if finding.fix and finding.state != "ok":
            table.append(f"{'':7}  {'':{width}}  -> {finding.fix}")
    return table
