"""How each engine invents a voice: it speaks a text without one, and what it said is the voice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.cli.commands.voice_tools import load_model
from agent.config.load import Config
from agent.voice_making import dia_settings, need_torch, now

if TYPE_CHECKING:
    from tts.voices.voice import Engine, Voice

Progress = Callable[[int, int | None], None]
Invent = Callable[[str, int, Progress], "Candidate"]
"""Takes a text, a seed and who is told how far it is. Raises TextToSpeechError."""


@dataclass(frozen=True)
class Candidate:
    """A voice that may be kept, and how it sounds."""

    voice: "Voice"
    waveform: NDArray[np.float32]
    """[samples]."""
    sample_rate: int


def load_inventor(engine: "Engine", name: str, model: str | None, config: Config) -> Invent:
    """Load a model, as named or as configured, that invents voices of that name.

    Raises TextToSpeechError.
    """
    return (_dia if engine == "dia" else _dia2)(name, model, config)


def _dia2(name: str, model: str | None, config: Config) -> Invent:
    from tts.voices.making import from_result

    dia2 = load_model(model, config)

    def invent(text: str, seed: int, progress: Progress) -> Candidate:
        result = dia2.generate(text, seed=seed, progress=progress)
        provenance = _provenance(dia2.source, seed) | {"fingerprint": dia2.fingerprint}
        voice = from_result(name, result, dia2.mimi, provenance)
        return Candidate(voice, result.waveform, result.sample_rate)

    return invent


def _dia(name: str, model: str | None, config: Config) -> Invent:
    need_torch("dia")
    from tts.dia.serving.prepare import load_model as load
    from tts.dia.serving.prepare import sampling_of
    from tts.dia.text.pieces import Piece
    from tts.dia.text.reader import read_script
    from tts.voices.making import LONGEST_S, from_take

    settings = dia_settings(config)
    settings = replace(settings, model=model or settings.model)
    dia = load(settings)
    sampling = sampling_of(settings, dia.sampling)
    longest = round(LONGEST_S["dia"] * dia.frame_rate)

    def invent(text: str, seed: int, progress: Progress) -> Candidate:
        piece = Piece.of(read_script(text))
        take = dia.take(piece.written(), sampling=sampling, seed=seed, longest=longest)
        for _ in dia.frames(take):
            progress(take.frames_known, take.longest)
        codes = take.codes.T
        voice = from_take(name, codes, piece.text, dia.codec, _provenance(dia.source, seed))
        return Candidate(voice, dia.codec.decode(codes).cpu().numpy(), dia.sample_rate)

    return invent


def _provenance(source: str, seed: int) -> dict[str, str]:
    return {
        "source": f"invented by {source}, seed {seed}",
        "made": now(),
        "model": source,
        "seed": str(seed),
        "consent": "not needed: nobody's voice",
    }
