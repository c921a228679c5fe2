"""A voice: a short recording in the codec's codes, with its words, that Dia2 goes on from.

One file holds it: safetensors, with the tensors `codes` [codebooks, frames] (int32) and `codec`
(float32), and text metadata. There is no network in this module: a voice can be listed, shown and
checked without one.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tts.dia2.text.prefix import Word
from tts.extras import pip_install
from tts.files import open_file
from tts.protocol import TextToSpeechError

if TYPE_CHECKING:
    from tts.dia2.mimi.codec import Mimi

SUFFIX = ".safetensors"
FORMAT = "parley voice 1"

_LIMIT = 8 << 20  # bytes; a voice of a minute has 100 KB
_CENTROIDS = 4
_ROUNDING = 0.02  # above what bfloat16 does to a centroid, far below the distance between two


@dataclass(frozen=True, eq=False)
class Voice:
    """Holds a recording that Dia2 is fed before it speaks, so that it goes on in the same voice.

    Codes mean something only to the codec that wrote them, so a voice fits every Dia2 checkpoint
    with that codec and as many codebooks, whatever its size: `check` tells.
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

    def check(self, mimi: "Mimi") -> None:
        """Raise TextToSpeechError if the codes are not of this codec."""
        if self.codebooks != mimi.codebooks or self.frame_rate != mimi.frame_rate:
            raise TextToSpeechError(
                f"the voice '{self.name}' is from another model: it has {self.codebooks} codebooks "
                f"at {self.frame_rate:g} frames/s, this one {mimi.codebooks} at "
                f"{mimi.frame_rate:g}; make it anew with this model"
            )
        codec = signature(mimi)
        same = codec.shape == self.codec.shape
        if same:
            off, size = np.linalg.norm(codec - self.codec), np.linalg.norm(codec)
            same = bool(off <= _ROUNDING * size)
        if not same:
            raise TextToSpeechError(
                f"the voice '{self.name}' is from another model: its codes were written by "
                "another codec; make it anew with this model"
            )
        if self.codes.max() >= mimi.config.codebook_size:
            raise TextToSpeechError(f"the voice '{self.name}' is damaged: a code is out of range")

    def save(self, path: str | PathLike[str]) -> None:
        """Write the file, whole or not at all, for the user alone: a voice is somebody's.

        Raises TextToSpeechError if that cannot be done.
        """
        _need_safetensors()
        from safetensors.numpy import save

        tensors = {
            "codes": np.ascontiguousarray(self.codes, np.int32),
            "codec": np.ascontiguousarray(self.codec, np.float32),
        }
        metadata = {
            "format": FORMAT,
            "name": self.name,
            "speaker": str(self.speaker),
            "frame_rate": repr(float(self.frame_rate)),
            "words": json.dumps([asdict(word) for word in self.words], ensure_ascii=False),
            "provenance": json.dumps(dict(self.provenance), ensure_ascii=False),
        }
        path = Path(path)
        part = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made with a name that nobody has, and with no rights for others.
            descriptor, part = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(save(tensors, metadata))
            os.replace(part, path)
        except OSError as error:
            if part is not None:
                with suppress(OSError):
                    os.unlink(part)
            raise TextToSpeechError(f"{path} cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file that `save` wrote. Raises TextToSpeechError: no such file, no voice in it."""
        _need_safetensors()
        from safetensors import SafetensorError, safe_open

        from tts.dia2.voices.metadata import fields
        from tts.strict import InvalidValueError

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
                tensors = {name: file.get_tensor(name) for name in ("codes", "codec")}
                return cls(**tensors, **fields(metadata, **tensors))
        except FileNotFoundError:
            raise TextToSpeechError(f"there is no voice file {path}") from None
        except OSError as error:
            raise TextToSpeechError(f"{path} cannot be read: {error.strerror or error}") from None
        except SafetensorError:
            raise TextToSpeechError(f"{path} is not a voice, or cut short: {_MAKE}") from None
        except (InvalidValueError, ValueError) as error:
            raise TextToSpeechError(f"the voice in {path} is damaged ({error}): {_MAKE}") from None


_MAKE = "make one with parley voice new or parley voice add"


def signature(mimi: "Mimi") -> NDArray[np.float32]:
    """Take what tells a codec from others: a few centroids of its first codebook, flat.

    They are the same in every dtype and on every device, up to rounding.
    """
    rows: NDArray[np.float32] = mimi.quantizer.table[:_CENTROIDS].float().cpu().numpy().flatten()
    return rows


def _need_safetensors() -> None:
    try:
        import safetensors  # noqa: F401 - only to tell whether it is there
    except ImportError:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(f"voices need safetensors: {install}") from None
