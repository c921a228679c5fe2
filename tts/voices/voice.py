"""A voice: a short recording in a codec's codes, with its words, that a model goes on from.

One file holds it, for one engine or for both: safetensors, with the tensors `codes` [codebooks,
frames] (int32) and `codec` (float32: which codec wrote them) for Dia2, and `dia.codes` and
`dia.codec` for Dia; all else is text metadata, the same for both. There is no network in this
module: a voice can be listed, shown and checked without one.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tts.extras import pip_install
from tts.files import open_file
from tts.protocol import TextToSpeechError
from tts.voices.word import Word

if TYPE_CHECKING:
    from tts.voices.codec import Codec

Engine = Literal["dia2", "dia"]
NAMES: Mapping[Engine, str] = {"dia2": "Dia2", "dia": "Dia"}
SUFFIX = ".safetensors"
FORMAT = "parley voice 1"
PREFIXES: Mapping[Engine, str] = {"dia2": "", "dia": "dia."}
"""Of the names of an engine's tensors, and of its rate's."""

_LIMIT = 8 << 20  # bytes; a voice of a minute has 100 KB
_MAKE = "make one with parley voice new or parley voice add"

_CENTROIDS = 4
_ROUNDING = 0.02  # above what bfloat16 does to a centroid, far below the distance between two


@dataclass(frozen=True, eq=False)
class Voice:
    """Holds a recording that a model is fed before it speaks, so that it goes on in the same voice.

    Codes mean something only to the codec that wrote them, so a voice fits every checkpoint with
    that codec and as many codebooks, whatever its size: `check` tells.
    """

    name: str
    codes: NDArray[np.int32]
    """[codebooks, frames]."""
    words: tuple[Word, ...]
    """What is said, in order, with its times in the recording."""
    codec: NDArray[np.float32]
    """Which codec wrote the codes: its `signature`."""
    frame_rate: float = 12.5
    """Frames a second."""
    speaker: Literal[0, 1] = 0
    """The tag it was made with, `[S1]` or `[S2]`. It may speak under the other one, too."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Where it comes from: for people to read, such as `source`, `made`, `seed`, `consent`."""
    engine: Engine = "dia2"
    """Whose codec wrote the codes."""

    @property
    def codebooks(self) -> int:
        return int(self.codes.shape[0])

    @property
    def frames(self) -> int:
        return int(self.codes.shape[1])

    @property
    def seconds(self) -> float:
        return self.frames / self.frame_rate

    @property
    def text(self) -> str:
        """What is said in it."""
        return " ".join(word.text for word in self.words)

    def check(self, codec: "Codec") -> None:
        """Raise TextToSpeechError if the codes are not of this codec."""
        if self.codebooks != codec.codebooks or self.frame_rate != codec.frame_rate:
            raise TextToSpeechError(
                f"the voice '{self.name}' is from another model: it has {self.codebooks} codebooks "
                f"at {self.frame_rate:g} frames/s, this one {codec.codebooks} at "
                f"{codec.frame_rate:g}; make it anew with this model"
            )
        own = signature(codec)
        same = own.shape == self.codec.shape
        if same:
            off, size = np.linalg.norm(own - self.codec), np.linalg.norm(own)
            same = bool(off <= _ROUNDING * size)
        if not same:
            raise TextToSpeechError(
                f"the voice '{self.name}' is from another model: its codes were written by "
                "another codec; make it anew with this model"
            )
        if self.codes.max() >= codec.quantizer.size:
            raise TextToSpeechError(f"the voice '{self.name}' is damaged: a code is out of range")

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file of this voice alone (`save`). Raises TextToSpeechError."""
        save(path, self)

    @staticmethod
    def load(path: str | PathLike[str], engine: Engine | None = "dia2") -> "Voice":
        """Read the voice that a file has for an engine; None: the first one it has.

        Raises TextToSpeechError: no such file, no voice in it, or none for that engine.
        """
        return load(path, engine)


def signature(codec: "Codec") -> NDArray[np.float32]:
    """Take what tells a codec from others: a few centroids of its first codebook, flat.

    They are the same in every dtype and on every device, up to rounding.
    """
    rows: NDArray[np.float32] = codec.quantizer.table[:_CENTROIDS].float().cpu().numpy().flatten()
    return rows


def save(path: str | PathLike[str], *voices: Voice) -> None:
    """Write voices of one recording, each for another engine, to one file.

    It is written whole or not at all, and for the user alone: a voice is somebody's. Raises
    TextToSpeechError if that cannot be done.
    """
    _need_safetensors()
    from safetensors.numpy import save as serialise

    first, tensors = voices[0], {}
    metadata = {
        "format": FORMAT,
        "name": first.name,
        "engines": " ".join(voice.engine for voice in voices),
        "speaker": str(first.speaker),
        "words": json.dumps([asdict(word) for word in first.words], ensure_ascii=False),
        "provenance": json.dumps(dict(first.provenance), ensure_ascii=False),
    }
    for voice in voices:
        prefix = PREFIXES[voice.engine]
        tensors[f"{prefix}codes"] = np.ascontiguousarray(voice.codes, np.int32)
        tensors[f"{prefix}codec"] = np.ascontiguousarray(voice.codec, np.float32)
        metadata[f"{prefix}frame_rate"] = repr(float(voice.frame_rate))
    path = Path(path)
    part = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with a name that nobody has, and with no rights for others.
        descriptor, part = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(serialise(tensors, metadata))
        os.replace(part, path)
    except OSError as error:
        if part is not None:
            with suppress(OSError):
                os.unlink(part)
        raise TextToSpeechError(f"{path} cannot be written: {error.strerror}") from None


def load(path: str | PathLike[str], engine: Engine | None = "dia2") -> Voice:
    """Read the voice that a file has for an engine; None: the first one it has.

    Raises TextToSpeechError: no such file, no voice in it, or none for that engine.
    """
    _need_safetensors()
    from safetensors import SafetensorError, safe_open

    from tts.strict import InvalidValueError
    from tts.voices.metadata import fields

    path = Path(path)
    try:
        open_file(path, _LIMIT).close()
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            if not metadata.get("format", "").startswith("parley voice"):
                raise TextToSpeechError(f"{path} is not a voice: {_MAKE}")
            if metadata["format"] != FORMAT:
                raise TextToSpeechError(
                    f"{path} is a voice of a newer Parley ({metadata['format']}): update Parley"
                )
            whose = _choose(path, engine, set(file.keys()))
            prefix = PREFIXES[whose]
            tensors = {name: file.get_tensor(prefix + name) for name in ("codes", "codec")}
        rate = metadata.get(f"{prefix}frame_rate", "")
        known = fields({**metadata, "frame_rate": rate}, **tensors)
        return replace(Voice(**tensors, **known), engine=whose)
    except FileNotFoundError:
        raise TextToSpeechError(f"there is no voice file {path}") from None
    except OSError as error:
        raise TextToSpeechError(f"{path} cannot be read: {error.strerror or error}") from None
    except SafetensorError:
        raise TextToSpeechError(f"{path} is not a voice, or cut short: {_MAKE}") from None
    except (InvalidValueError, ValueError) as error:
        raise TextToSpeechError(f"the voice in {path} is damaged ({error}): {_MAKE}") from None


def engines_of(path: str | PathLike[str]) -> list[Engine]:
    """Say for which engines a file has a voice; for none if it is no such file."""
    from safetensors import SafetensorError, safe_open

    try:
        open_file(Path(path), _LIMIT).close()
        with safe_open(str(path), "np") as file:
            return _present(set(file.keys()))
    except (OSError, SafetensorError, TextToSpeechError):
        return []


def _present(names: set[str]) -> list[Engine]:
    return [each for each, prefix in PREFIXES.items() if f"{prefix}codes" in names]


def _choose(path: Path, engine: Engine | None, names: set[str]) -> Engine:
    """The engine whose voice is read. Raises TextToSpeechError if there is none."""
    present = _present(names)
    if engine in present or not present:
        return engine or "dia2"  # without any the file is damaged, as reading it will say
    if engine is None:
        return present[0]
    raise TextToSpeechError(
        f"the voice in {path} is for {NAMES[present[0]]}, not for {NAMES[engine]}: make it of its "
        "recording for both, parley voice add NAME CLIP --for dia dia2"
    )


def _need_safetensors() -> None:
    try:
        import safetensors  # noqa: F401 - only to tell whether it is there
    except ImportError:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(f"voices need safetensors: {install}") from None
