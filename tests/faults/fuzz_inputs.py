"""Inputs of the fuzz of the command line: arguments and files, mutated at random."""

import json
import random
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from configs import QUESTION
from tests import tiny_dia2
from tests.faults.commands import options_of
from tests.paths import ROOT

SECRET = "sk-PLANTED0SECRET"
NASTY = (
    *("", " ", "0", "-1", "1", "true", "no", "null", "~", "nan", ".nan", ".inf", "1e400", "1e-400"),
    *("9" * 18, "9" * 19, "9" * 400, "0x10", "-0", "1_000", "1:30", "2026-01-01", "010", "1.5.2"),
    *(
        "x" * 300,
        "é",
        "日本語",
        "👩‍👩‍👧",
        "\u202e",
        "\x1b[2J",
        "\x07",
        "\ufeff",
        "\ud83d",
        "\0",
        "\n",
    ),
    *("/", ".", "..", "~", "~nobody", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "-"),
    *(
        "*",
        "?",
        "%s",
        "{0}",
        "${HOME}",
        "${",
        "${X:-y}",
        "$$",
        "$(id)",
        "`id`",
        "'",
        '"',
        "\\",
        "#",
    ),
    *("[]", "{}", "[1, 2]", "{a: 1}", "[[[[]]]]", "!!bool q", "!!int ''", "!x y", "&a b", "*a"),
    *(
        "|",
        ">",
        "?",
        ":",
        "- ",
        "---",
        "...",
        "%YAML 9.9",
        "@",
        "<<",
        "=",
        "en-gb",
        "openai",
        "auto",
    ),
    *("http://", "http://[", "http://u:p@h:x/", "ftp://h?k=v", "http://127.0.0.1:9/v1", SECRET),
)
NUMBERS = (0, 1, -1, 2, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63)
WEIRD: tuple[Any, ...] = (
    None,
    True,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    10**400,
    [],
    {},
    [[]],
    {"": {}},
    "x",
)


@dataclass(frozen=True)
class Input:
    """Arguments, and the files that they name: written in the folder where the command runs."""

    arguments: list[str]
    files: dict[str, bytes]


Random = random.Random


def mutated(rng: Random, data: bytes, words: tuple[bytes, ...]) -> bytes:
    """The bytes with some cut, doubled, turned over or put in between."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        where = rng.randrange(len(result) + 1)
        match rng.randrange(6):
            case 0:
                result[where:where] = rng.choice(words)
            case 1:
                del result[where : where + rng.choice((1, 4, 30, 1000))]
            case 2 if where < len(result):
                result[where] ^= 1 << rng.randrange(8)
            case 3:
                result[where:where] = result[where : where + rng.choice((1, 8, 200))] * 3
            case 4:
                result[where:where] = rng.randbytes(rng.choice((1, 4, 40)))
            case _:
                del result[where:]
    return bytes(result)


def yaml_input(rng: Random) -> Input:
    """A configuration: made of real keys and nasty values, or a preset with its bytes changed."""
    if rng.random() < 0.5:
        text = rng.choice(PRESETS)
        content = mutated(rng, text, tuple(word.encode("utf-8", "surrogatepass") for word in NASTY))
    else:
        lines = []
        for _ in range(rng.randint(1, 4)):
            section, keys = rng.choice(SECTIONS)
            lines.append(f"{section}: {rng.choice(NASTY) if rng.random() < 0.2 else ''}")
            lines += [
                f"{rng.choice(('  ', '  ', '  ', ' ', '  - '))}{key}: {rng.choice(NASTY)}"
                for key in rng.choices(keys, k=rng.randint(0, 4))
            ]
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
        if rng.random() < 0.05:
            content = content.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32")))
    command = rng.choice(
        (
            ["config", "check", "c.yaml"],
            ["config", "show", "c.yaml"],
            ["history", "--config", "c.yaml"],
            ["transcribe", "--config", "c.yaml", "none.wav"],
            ["doctor", "c.yaml"],
        )
    )
    return Input(command, {"c.yaml": content})


def wav_input(rng: Random) -> Input:
    """A WAV with odd numbers in its header, or a real file with its bytes changed."""
    samples = rng.randbytes(rng.choice((0, 1, 2, 3, 400, 4000)))
    if rng.random() < 0.6:
        bits = rng.choice((8, 16, 24, 32, 64, 0, 1, 7, 65535))
        channels = rng.choice((1, 1, 2, 8, 0, 65535))
        rate = rng.choice((8000, 16000, 44100, 1, 0, 100, 2**32 - 1, 192000))
        size = rng.choice((len(samples), 0, 2**32 - 1, len(samples) + 1))
        content = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", rng.choice((36 + len(samples), 0, 2**32 - 1)), b"WAVE", b"fmt "),
            *(
                rng.choice((16, 16, 18, 40, 0, 2**32 - 1)),
                rng.choice((1, 1, 3, 6, 7, 0xFFFE, 0x55)),
            ),
            *(channels, rate, rate * channels * bits // 8 % 2**32, channels * bits // 8 % 2**16),
            *(bits, b"data", size),
        )
        content += samples
    else:
        content = mutated(rng, QUESTION_START, (b"\0" * 4, b"\xff" * 4, b"data", b"LIST", b"fmt "))
    command = rng.choice(
        (
            ["transcribe", "a.wav"],
            ["transcribe", "--json", "a.wav", "a.wav"],
            ["voice", "add", "x", "a.wav", "--consent", "--yes", "--words", "words.json"],
        )
    )
    return Input(command, {"a.wav": content, "words.json": WORDS})


def json_value(rng: Random, depth: int = 0) -> Any:
    """A JSON value of any kind."""
    match rng.randrange(7 if depth < 4 else 4):
        case 0:
            return rng.choice(NASTY)
        case 1:
            return rng.choice(NUMBERS)
        case 2 | 3:
            return rng.choice(WEIRD)
        case 4:
            return [json_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
        case _:
            names = ("text", "start", "end", "words", "type", "time", "name", "arguments", "")
            return {rng.choice(names): json_value(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def json_input(rng: Random) -> Input:
    """Timed words, a kept conversation or a model's configuration."""
    what = rng.choice(("words", "conversation", "model", "model"))
    valid = {"words": WORDS, "conversation": CONVERSATION, "model": _model()["config.json"]}[what]
    match rng.randrange(5):
        case 0:
            content = (rng.choice(("[", '{"a":', '[{"text":')) * rng.choice((10, 10**5))).encode()
        case 1:
            content = json.dumps(json_value(rng)).encode("utf-8", "surrogatepass")
        case 2:
            data = json.loads(valid.splitlines()[0] if what == "conversation" else valid)
            content = json.dumps(changed(rng, data)).encode("utf-8", "surrogatepass")
        case _:
            words = (
                b"null",
                b"-1",
                b"1e999",
                b"9" * 5000,
                b'"\\ud83d"',
                b"[]",
                b"{}",
                b"\0",
                b"NaN",
            )
            content = mutated(rng, valid, words)
    if what == "words":
        arguments = ["voice", "add", "x", str(QUESTION), "--consent", "--yes", "--words", "f.json"]
        return Input(arguments, {"f.json": content})
    if what == "conversation":
        name = "conversations/2026-01-01-000000.jsonl"
        arguments = ["history", "--dir", "conversations", *rng.choice(([], ["last"]))]
        return Input(arguments, {name: content})
    files = {f"model/{name}": data for name, data in _model().items()}
    files[f"model/{rng.choice(('config.json', 'config.json', 'tokenizer.json'))}"] = content
    return Input(["say", "--script", "s.txt", "--model", "model", "-o", "out.wav"], files)


def changed(rng: Random, data: Any) -> Any:
    """The data with one value in it replaced, wherever it stands."""
    if isinstance(data, dict) and data and rng.random() < 0.8:
        key = rng.choice(list(data))
        return {**data, key: changed(rng, data[key])}
    if isinstance(data, list) and data and rng.random() < 0.8:
        index = rng.randrange(len(data))
        return [*data[:index], changed(rng, data[index]), *data[index + 1 :]]
    return json_value(rng, 3)


def safetensors_input(rng: Random) -> Input:
    """A voice, or a model's weights, with another header or its bytes changed."""
    weights = rng.random() < 0.2
    valid = _model()["model.safetensors"] if weights else VOICE
    length = int.from_bytes(valid[:8], "little")
    header = json.loads(valid[8 : 8 + length])
    match rng.randrange(4):
        case 0:
            text = json.dumps(changed(rng, header)).encode("utf-8", "surrogatepass")
            content = struct.pack("<Q", len(text)) + text + valid[8 + length :]
        case 1:
            size = rng.choice(NUMBERS[:2] + NUMBERS[3:] + (length - 1, length + 1, len(valid)))
            content = struct.pack("<Q", size) + valid[8:]
        case 2:
            metadata = changed(rng, header.get("__metadata__", {}))
            text = json.dumps({**header, "__metadata__": metadata}).encode("utf-8", "surrogatepass")
            content = struct.pack("<Q", len(text)) + text + valid[8 + length :]
        case _:
            content = mutated(rng, valid, (b"\0" * 8, b"\xff" * 8, b"{", b'"', b"F64", b"[1,1]"))
    if weights:
        files = {f"model/{name}": data for name, data in _model().items()}
        files["model/model.safetensors"] = content
        return Input(["say", "--script", "s.txt", "--model", "model", "-o", "out.wav"], files)
    name = "parley/voices/v.safetensors"
    model = {f"model/{name}": data for name, data in _model().items()}
    play = ["voice", "play", "v", "--model", "model", "--speaker", "out.wav"]
    return Input(rng.choice((["voice", "list"], play)), {**model, name: content})


def argv_input(rng: Random) -> Input:
    """Words of the command line, in an order that may be right."""
    words = rng.choice(COMMANDS).split()
    known = options_of(words)
    for _ in range(rng.randint(0, 5)):
        option = rng.choice((*known, *known, "--nonsense", "-x", "--", "--debug", "--help=1"))
        value = rng.choice(
            (*NASTY, "c.yaml", "a.wav", "offline", "1", "espeak", "dia2", "words.json")
        )
        value = value.replace("\0", "").replace("\ud83d", "\udcff")
        words += rng.choice(([option], [option, value], [f"{option}={value}"], [value]))
    if rng.random() < 0.1:
        rng.shuffle(words)
    return Input(words, {"c.yaml": b"agent: {name: A}", "words.json": WORDS})


MAKERS: dict[str, Callable[[Random], Input]] = {
    "yaml": yaml_input,
    "wav": wav_input,
    "json": json_input,
    "safetensors": safetensors_input,
    "argv": argv_input,
}


def _voice() -> bytes:
    from safetensors.numpy import save

    metadata = {
        **{"format": "parley voice 1", "name": "v", "speaker": "0", "frame_rate": "12.5"},
        "words": json.dumps([{"text": "Hello", "start": 0.0, "end": 0.4}]),
        "provenance": json.dumps({"source": "recorded: a.wav", "made": "2026"}),
    }
    tensors = {"codes": np.zeros((8, 10), np.int32), "codec": np.zeros(32, np.float32)}
    return save(tensors, metadata)


@cache
def _model() -> dict[str, bytes]:
    """Make a checkpoint, at first use: making one imports most of PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        made = tiny_dia2.make(Path(folder) / "model")
        return {
            str(path.relative_to(made)): path.read_bytes()
            for path in made.rglob("*")
            if path.is_file()
        }


def _sections() -> list[tuple[str, list[str]]]:
    from agent.config.engines import FAMILIES, EngineSection
    from agent.config.load import Config

    sections = []
    for name, field in Config.model_fields.items():
        model = field.annotation
        if model is EngineSection:
            sections += [(name, list(schema.model_fields)) for schema in FAMILIES[name].schemas()]
        else:
            sections.append((name, list(getattr(model, "model_fields", ["x"]))))
    tools = ["function", "mcp", "only", "timeout", "result_limit", "confirm", "command", "url"]
    return [*sections, ("tools", tools), ("nonsense", ["x"])]


PRESETS = [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))]
QUESTION_START = QUESTION.read_bytes()[:6000]
WORDS = json.dumps([{"text": "hello", "start": 0.0, "end": 0.5}]).encode()
CONVERSATION = b"".join(
    json.dumps(
        {"time": "2026-01-01T00:00:00+00:00", "type": kind, "text": "hi", "name": "n"}
    ).encode()
    + b"\n"
    for kind in ("begun", "user", "assistant", "tool", "aside", "taken_up")
)
VOICE = _voice()
SECTIONS = _sections()
COMMANDS = [
    *("talk", "say", "transcribe", "history", "demo", "devices", "doctor", "voice", "config", ""),
    *("voice new", "voice add", "voice list", "voice play", "voice remove"),
    *("config show", "config check", "config schema"),
]
