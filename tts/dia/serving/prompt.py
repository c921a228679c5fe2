"""What a take goes on from: codes, and the words that are said in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tts.dia.codec.codec import Dac
from tts.dia.network.config import DiaConfig
from tts.dia.network.delays import Codes
from tts.dia.text.pieces import Piece
from tts.dia.text.reader import Clause, Reader
from tts.protocol import TextToSpeechError
from tts.voices.voice import Voice

LEFT_S = 8.0
"""Seconds that a prompt must leave to speak."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """Fed before every take of an utterance, or a fixed seed would still change the voice."""

    codes: Codes
    """[frames, codebooks]."""
    said: Piece

    def then(self, codes: Codes, said: Piece) -> "Prompt":
        """Add what was said next."""
        turns = (*self.said.turns, *said.turns)
        clauses = [Clause(who, text, True) for who, text in turns]
        return Prompt(np.concatenate((self.codes, codes)), Piece.of(clauses))

    def check(self, config: DiaConfig, frame_rate: float) -> None:
        """Raise TextToSpeechError if it leaves no room to speak."""
        room = config.max_steps - config.max_delay - 1
        left = room - len(self.codes)
        # A tiny model has less room than that by itself.
        if left < min(LEFT_S * frame_rate, room / 3):
            raise TextToSpeechError(
                f"voices of {len(self.codes) / frame_rate:.0f} s leave no room to speak: Dia has "
                f"{room / frame_rate:.0f} s for them and a take, so use 5 to 10 s of each"
            )
        if (size := len(self.said.tagged())) > config.max_text / 2:
            raise TextToSpeechError(
                f"the voices' words are {size} letters long and leave no room for others: Dia "
                f"takes {config.max_text} together, so use 5 to 10 s of each"
            )


def of_voices(voices: Sequence[Voice], dac: Dac) -> Prompt | None:
    """Make the prompt of voices for [S1] and [S2]; None without any.

    Raises TextToSpeechError: of another codec, more than two, without words.
    """
    if not voices:
        return None
    if len(voices) > 2:
        raise TextToSpeechError(f"Dia has two speakers, and {len(voices)} voices were given")
    clauses: list[Clause] = []
    for speaker, voice in enumerate(voices, 1):
        voice.check(dac)
        reader = Reader()
        said = reader.feed(voice.text) + reader.finish()
        if not said:
            raise TextToSpeechError(
                f"the voice '{voice.name}' has no words, and without them Dia cannot go on in it: "
                "make it anew, with --words"
            )
        clauses += said if len(voices) == 1 else [Clause(speaker, each.text, True) for each in said]
    codes = np.concatenate([voice.codes.T for voice in voices])
    return Prompt(codes.astype(np.int32), Piece.of(clauses))
