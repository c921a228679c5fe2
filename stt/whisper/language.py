"""The language of a conversation whose language nobody named: found out, kept to, and changed.

A language that is told to Whisper is written, whatever is spoken: English is translated into the
Spanish of the turn before. So how probable the language is in this turn is measured, too.
"""

from collections.abc import Sequence

from stt.hallucinations import DOUBTFUL, Hypothesis

CERTAIN, LONG_ENOUGH = 0.8, 1.0
"""Probability of a language, and seconds of voice, from which on it is the conversation's."""

LIKELY, UNLIKELY = 0.5, 0.25
"""Probability of another language that may be spoken now, and of the one that is not: of 130 turns
of people in English, at 10 dB too, none had less than 0.6, and one in Spanish 0.16.
"""

BETTER = 0.1
"""Log-probability per token that another language has to gain where both are possible."""


class ConversationLanguage:
    """Language that the turns so far were spoken in, which the next one need not be."""

    def __init__(self, language: str) -> None:
        """`language`: a code such as en, or auto."""
        self._named = None if language == "auto" else language
        self._heard: str | None = None

    @property
    def expected(self) -> str | None:
        """The language to decode in; None to find it out."""
        return self._named or self._heard

    def forget(self) -> None:
        """Another conversation begins."""
        self._heard = None

    def doubted(self, hypotheses: Sequence[Hypothesis], *, rejected: bool, draft: bool) -> bool:
        """Whether what was decoded in the expected language may be in another."""
        if self._named or not self._heard or not hypotheses:
            return False
        if hypotheses[0].language_probability < UNLIKELY:
            return True
        return not draft and (rejected or _sureness(hypotheses) < DOUBTFUL)

    def prefers(
        self,
        other: Sequence[Hypothesis],
        expected: Sequence[Hypothesis],
        *,
        rejected: bool,
        voiced_seconds: float,
    ) -> bool:
        """Whether the turn is in the language that was found out, rather than in the expected.

        `rejected`: whether what was decoded in the expected language was.
        """
        if not other or other[0].language == self._heard:
            return False
        probability = other[0].language_probability
        if voiced_seconds < LONG_ENOUGH:  # of a word or two, the language is a guess
            return probability >= CERTAIN and _sureness(other) > _sureness(expected) + BETTER
        if probability < LIKELY:
            return False
        unlikely = expected[0].language_probability < UNLIKELY
        return rejected or unlikely or _sureness(other) > _sureness(expected) + BETTER

    def learn(self, hypothesis: Hypothesis, voiced_seconds: float) -> None:
        """A turn is final: keep to its language, if there is no doubt."""
        if voiced_seconds >= LONG_ENOUGH and hypothesis.language_probability >= CERTAIN:
            self._heard = hypothesis.language


def _sureness(hypotheses: Sequence[Hypothesis]) -> float:
    return sum(each.log_probability for each in hypotheses) / len(hypotheses)
