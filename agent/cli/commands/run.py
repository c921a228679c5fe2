"""`parley run`: several agents at a time, each with devices of its own."""

import argparse

from agent.cli import ending
from agent.cli.options import add_set


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "run",
        help="run several agents, each with its own microphone and speaker",
        description="Run agents side by side in one process: of a file with several `agents` those "
        "that have a `microphone` or `speaker` of their own, and the others where they hand over; "
        "of another file the one that it describes. Engines that are described alike are shared; "
        "one that fails does not end the others.",
    )
    parser.add_argument("configs", nargs="+", metavar="CONFIG", help="YAML files or presets")
    add_set(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until all have ended, or Ctrl-C; the status is 1 if one failed. Raises ConfigError."""
    from agent.cli.household import residents, run_all
    from agent.config.load import load_config

    agents = residents([load_config(name, args.set) for name in args.configs])
    return 1 if ending.run(run_all, agents) else 0
