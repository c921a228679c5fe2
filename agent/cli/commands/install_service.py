"""`parley install-service`: start with the desktop, by systemd or launchd."""

import argparse
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from agent.cli.options import add_set
from agent.cli.services import Service
from agent.errors import ConfigError, ParleyError

RUNS = ("talk", "run", "serve")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "install-service",
        help="start an agent with the desktop (systemd, launchd)",
        description="Write a systemd user unit or a launchd property list that starts `parley "
        "talk`, `run` or `serve` at log-in, and again when it fails.",
    )
    parser.add_argument(
        "config", nargs="?", help="a YAML file or a preset's name (default: yours, else offline)"
    )
    add_set(parser)
    parser.add_argument(
        "--command", choices=RUNS, default="talk", help="what is started (default: %(default)s)"
    )
    parser.add_argument(
        "--name", default="parley", help="the service's name, for several (default: %(default)s)"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable of the environment that it has, with the value of now if none is given",
    )
    parser.add_argument(
        "--for",
        dest="manager",
        choices=("systemd", "launchd"),
        default="launchd" if sys.platform == "darwin" else "systemd",
        help="who starts it (default: %(default)s)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", "--dry-run", dest="show", action="store_true", help="only show it")
    what.add_argument("--remove", action="store_true", help="take it away again")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write, show or remove the file. Raises ParleyError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", args.name):
        raise ParleyError(f"--name: letters, digits, '-' and '_' only, not {args.name!r}")
    if sys.platform == "win32":
        raise ParleyError("Windows has neither systemd nor launchd: use its Task Scheduler")
    path = _place(args.manager, args.name)
    if args.remove:
        return _remove(path, args.manager, args.name)
    service = _service(args)
    logs = Path.home() / "Library/Logs"
    text = (
        service.systemd()
        if args.manager == "systemd"
        else service.launchd(logs / f"{args.name}.log").decode()
    )
    if args.show:
        print(text, end="")
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    done = "replaced" if path.exists() else "written"
    path.write_text(text, "utf-8")
    print(f"{path}: {done}")
    print(f"variables that are secret, such as keys, go into {service.secrets} (NAME=value lines)")
    print(f"start it now, and at every log-in:  {_start(args.manager, path, args.name)}")
    return 0


def _service(args: argparse.Namespace) -> Service:
    from agent.config.load import load_config, locate, place_name, user_config

    load_config(args.config, args.set)  # one that cannot be used is said now
    place = locate(args.config)
    preset = place_name(place) == f"configs/{place.name}"
    config = place.name.removesuffix(".yaml") if preset else str(Path(str(place)).resolve())
    changes = [word for change in args.set for word in ("--set", change)]
    _refuse_secrets(args.set)
    return Service(
        name=args.name,
        command=[_program(), args.command, config, *changes],
        folder=Path.home() if preset else Path(config).parent,
        secrets=user_config().with_name("environment"),
        environment=dict(_variable(each) for each in args.env),
    )


def _variable(text: str) -> tuple[str, str]:
    """A variable of `--env`. Raises ParleyError for one that is not set, or secret."""
    from agent.config.load import user_config
    from agent.guards.secrets import is_secret

    name, equals, value = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ParleyError(f"--env: {name!r} is no name of a variable")
    if is_secret(name):
        where = user_config().with_name("environment")
        raise ParleyError(f"--env {name}: a secret is not written there; put it into {where}")
    if not equals and name not in os.environ:
        raise ParleyError(f"--env {name}: it is not set: set it, or write {name}=VALUE")
    return name, value if equals else os.environ[name]


def _refuse_secrets(changes: list[str]) -> None:
    from agent.guards.secrets import is_secret

    for change in changes:
        key = change.partition("=")[0]
        if is_secret(key.rpartition(".")[2]):
            raise ConfigError(f"--set {key}: a secret is not written there; use ${{VARIABLE}}")


def _program() -> str:
    """The command `parley`. Raises ParleyError where there is none."""
    beside = Path(sysconfig.get_path("scripts"), "parley")
    found = str(beside) if beside.exists() else shutil.which("parley")
    if found is None:
        raise ParleyError("there is no command `parley` to start: install the package")
    return found


def _place(manager: str, name: str) -> Path:
    if manager == "launchd":
        return Path.home() / f"Library/LaunchAgents/org.parley.{name}.plist"
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / f"systemd/user/{name}.service"


def _start(manager: str, path: Path, name: str) -> str:
    if manager == "launchd":
        return f"launchctl bootstrap gui/$(id -u) '{path}'"
    return f"systemctl --user daemon-reload && systemctl --user enable --now {name}"


def _remove(path: Path, manager: str, name: str) -> int:
    if not path.exists():
        raise ParleyError(f"{path}: there is no such service")
    path.unlink()
    print(f"{path}: removed")
    stop = (
        f"launchctl bootout gui/$(id -u)/org.parley.{name}"
        if manager == "launchd"
        else f"systemctl --user disable --now {name}"
    )
    print(f"stop it, if it runs:  {stop}")
    return 0
