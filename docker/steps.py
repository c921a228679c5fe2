"""The instructions of a Dockerfile, each done to a folder."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-+])((?:[^{}]|\{[^{}]*\})*))?\}|\$(\w+)")
_NETWORK = re.compile(r"^(PIP_(?!CONFIG)|SSL_CERT|REQUESTS_CA|\w*_PROXY|\w*_proxy)")
"""What a step knows of the network here."""


@dataclass
class Stage:
    """A stage of the build: a root, and what the instructions so far have set."""

    root: Path
    name: str
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def expand(self, text: str) -> str:
        """Put in what the variables are."""
        known = {**self.arguments, **self.environment}

        def value(match: re.Match[str]) -> str:
            name, sign, word, plain = match.groups()
            found = known.get(name or plain, "")
            if sign == "+":
                return self.expand(word) if found else ""
            return self.expand(word) if sign == "-" and not found else found

        return _VARIABLE.sub(value, text)

    def start(self, command: Sequence[str], **variables: str) -> "subprocess.Popen[bytes]":
        """Start a command in it, as its user, with nothing of this process's environment."""
        environment = {**self.environment, **variables}
        own = [
            "chroot",
            f"--userspec={self.user}:{self.user}",
            str(self.root),
            "/usr/bin/env",
            "-i",
        ]
        settings = [f"{name}={text}" for name, text in environment.items()]
        where = ["-C", self.folder]
        return subprocess.Popen([*own, *where, *settings, *command])

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Have what the kernel tells of processes and processors in it, for a block."""
        proc = self.root / "proc"
        subprocess.run(["mount", "-t", "proc", "proc", proc], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", proc], check=True)


def read(path: Path) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, comments left out."""
    for step in DockerfileParser(path=str(path)).structure:
        if step["instruction"] != "COMMENT":
            yield step["instruction"], step["value"]


@dataclass
class Build:
    """A build: the stages so far, each on a copy of a clean root."""

    clean: Path
    context: Path
    """The folder that is copied from."""
    given: Mapping[str, str]
    """Arguments of the build."""
    stages: list[Stage] = field(default_factory=list)

    def run(self, instruction: str, value: str) -> None:
        """Do what an instruction says. Raises ValueError for one that is not known here."""
        if instruction == "FROM":
            self._begin(value)
        elif not self.stages:
            assert instruction == "ARG", "only ARG may stand before FROM"
        elif instruction == "COPY":
            _copy(value, self.stages, self.context)
        elif instruction == "RUN":
            _execute(value, self.stages[-1])
        elif instruction not in ("VOLUME", "EXPOSE"):
            self._set(instruction, value, self.stages[-1])

    def _begin(self, value: str) -> None:
        base, _, name = value.partition(" AS ")
        name = name or f"stage-{len(self.stages)}"
        before = {stage.name: stage.root for stage in self.stages}
        root = self.clean.with_name(name)
        subprocess.run(["cp", "-a", before.get(base, self.clean), root], check=True)
        self.stages.append(Stage(root, name))

    def _set(self, instruction: str, value: str, stage: Stage) -> None:
        match instruction:
            case "ARG":
                name, _, default = value.partition("=")
                stage.arguments[name] = self.given.get(name, stage.expand(default.strip('"')))
            case "ENV":
                pairs = [pair.partition("=") for pair in shlex.split(value)]
                stage.environment |= {name: stage.expand(text) for name, _, text in pairs}
            case "WORKDIR":
                stage.folder = value
                (stage.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = value
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(value)
            case "CMD":
                stage.command = json.loads(value)
            case "HEALTHCHECK":
                stage.healthcheck = json.loads(value.partition("CMD")[2])
            case _:
                raise ValueError(f"{instruction} is not known here")


def _execute(value: str, stage: Stage) -> None:
    network = {name: text for name, text in os.environ.items() if _NETWORK.match(name)}
    variables = {**stage.arguments, **network}
    with stage.mounted(), stage.start(["/bin/sh", "-c", value], **variables) as step:
        status = step.wait()
    if status:
        raise SystemExit(f"RUN failed ({status}): {value}")


def _copy(value: str, stages: Sequence[Stage], context: Path) -> None:
    """From another stage, or from the context."""
    stage = stages[-1]
    *sources, target = value.split()
    place = stage.root / os.path.join(stage.folder, target).lstrip("/")
    if sources[0].startswith("--from="):
        origin = sources.pop(0).partition("=")[2]
        (context,) = (each.root for each in stages if each.name == origin)
    elif sources == ["."]:
        sources = _context(context)
    for name in sources:
        source = context / name.lstrip("/")
        whole = place if len(sources) == 1 and source.is_dir() else place / source.name
        whole.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", source, whole], check=True)


def _context(folder: Path) -> list[str]:
    """What of the whole context .dockerignore lets through."""
    lines = (folder / ".dockerignore").read_text("utf-8").splitlines()
    names = [line[1:] for line in lines if line.startswith("!")]
    return [name for name in names if (folder / name).exists()]
