"""What starts Parley with the desktop: a systemd user unit, or launchd's property list. Pure."""

import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SH = 'set -a; if [ -f "$0" ]; then . "$0"; fi; exec "$@"'
"""Reads the file of the environment, which launchd has no key for, and becomes the command."""


@dataclass(frozen=True, slots=True)
class Service:
    """A command that runs as long as its user is logged in, and again when it fails."""

    name: str
    command: Sequence[str]
    """The program and its arguments, each as it is: they are escaped here."""
    folder: Path
    """Where it runs."""
    secrets: Path
    """A file of lines such as OPENAI_API_KEY=..., read if it is there."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def systemd(self) -> str:
        """The unit, for `~/.config/systemd/user`."""
        variables = "".join(
            f"Environment={_quoted(f'{name}={value}', dollar='$')}\n"
            for name, value in self.environment.items()
        )
        return (
            "[Unit]\n"
            f"Description=Parley, {_specifiers(' '.join(self.name.split()))}\n"
            "After=pipewire.service pulseaudio.service graphical-session.target\n"
            "StartLimitIntervalSec=120\n"
            "StartLimitBurst=5\n"
            "\n"
            "[Service]\n"
            f"ExecStart={' '.join(map(_quoted, self.command))}\n"
            f"{_RELOAD if 'serve' in self.command[1:2] else ''}"
            f"WorkingDirectory={_path(self.folder)}\n"
            f"EnvironmentFile=-{_path(self.secrets)}\n"
            f"{variables}"
            "Restart=on-failure\n"
            "RestartSec=5\n"
            "TimeoutStopSec=15\n"
            "\n"
            "[Install]\n"
            "WantedBy=default.target\n"
        )

    def launchd(self, log: Path) -> bytes:
        """The property list, for `~/Library/LaunchAgents`; what it says goes into `log`."""
        return plistlib.dumps(
            {
                "Label": self.label,
                "ProgramArguments": ["/bin/sh", "-c", _SH, str(self.secrets), *self.command],
                "WorkingDirectory": str(self.folder),
                "EnvironmentVariables": dict(self.environment),
                "RunAtLoad": True,
                "KeepAlive": {"SuccessfulExit": False},
                "ThrottleInterval": 10,
                "ExitTimeOut": 15,
                "StandardOutPath": str(log),
                "StandardErrorPath": str(log),
            },
            sort_keys=False,
        )

    @property
    def label(self) -> str:
        """What launchd calls it."""
        return f"org.parley.{self.name}"


_RELOAD = "ExecReload=/bin/kill -HUP $MAINPID\n"
"""`parley serve` reads its configuration again then; `talk` and `run` would end."""


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _path(path: Path) -> str:
    """A path that is the rest of a line: nothing in it is quoted, and only `%` is special."""
    return _specifiers(str(path))


def _quoted(word: str, dollar: str = "$$") -> str:
    """A word of a command line of systemd's, as it is; in other lines a dollar is just one."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{_specifiers(word).replace("$", dollar)}"'
