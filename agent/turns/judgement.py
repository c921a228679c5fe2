"""What is said of a phrase: how surely it is finished, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """`certainty` that the phrase is finished (0 to 1; 0.5: no idea), and `why`, for people.

    `alone`: what it sounds like adds nothing, for each item of a list sounds like a sentence.
    """

    certainty: float
    why: str
    alone: bool = False
