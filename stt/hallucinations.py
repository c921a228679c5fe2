"""Whether a transcript can be trusted: Whisper writes words for noise, too.

No layer alone is enough: a made-up "Thank you." can be as probable as a spoken one. The numbers
are those that Whisper's users found, a little more cautious where there is other evidence.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from stt.phantoms import is_phantom
from stt.protocol import Word
from stt.vad import Voice

LEAST_VOICE = 0.25
"""Seconds of voice below which nothing is decoded at all."""

NO_SPEECH, DOUBTFUL, UNCLEAR = 0.6, -0.6, 0.5
"""Probability of no speech; log-probability per token; probability of a voice."""

COMPRESSION = 2.4
"""Text that compresses better than this goes round in circles."""

FASTEST = 25
"""Characters that nobody says in a second."""

BREATH = 0.2
"""Seconds of a word, besides its voiced ones, that the voice detector does not see."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model makes of an utterance, and how sure it is.

    `log_probability` is the mean over its tokens; `ended` is whether it came to an end by itself.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    no_speech: float
    language: str
    language_probability: float = 1.0
    ended: bool = True
    words: tuple[Word, ...] = ()


def flaw(hypothesis: Hypothesis) -> str | None:
    """What is wrong with how it was decoded, if anything: a reason to decode it again."""
    if not hypothesis.ended:
        return "the text has no end"
    if (times := repeated(hypothesis.tokens)) >= (3 if hypothesis.log_probability < -0.5 else 5):
        return f"the same words {times} times"
    text = hypothesis.text.encode()
    ratio = len(text) / len(zlib.compress(text))
    if ratio > COMPRESSION:
        return f"the text goes round in circles (compression ratio {ratio:.1f})"
    return None


def ghost(hypothesis: Hypothesis, voice: Voice) -> str | None:
    """Why nobody can have said it, if so."""
    doubtful = hypothesis.log_probability < DOUBTFUL
    if hypothesis.no_speech > NO_SPEECH and (doubtful or voice.clarity < UNCLEAR):
        return f"no speech (probability {hypothesis.no_speech:.2f})"
    if reason := flaw(hypothesis):
        return reason
    rate = len(hypothesis.text) / (voice.seconds + BREATH)
    if rate > FASTEST:
        return f"{rate:.0f} characters a second"
    if is_phantom(hypothesis.text, hypothesis.language):
        poor = doubtful or hypothesis.no_speech > 0.4 or voice.clarity < UNCLEAR
        if poor or rate > 0.7 * FASTEST:
            return f"a phrase that is heard in silence ({hypothesis.text})"
    return None


def repeated(tokens: Sequence[int]) -> int:
    """How often up to eight tokens come again and again in a row."""
    most = 1
    for size in range(1, 9):
        run = 0  # tokens that equal the one `size` before
        for one, other in zip(tokens, tokens[size:], strict=False):
            run = run + 1 if one == other else 0
            most = max(most, 1 + run // size)
    return most
