"""What is said of a phrase: how surely it is finished, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """`certainty` that the phrase is finished (0 to 1; 0.5: no idea), and `why`, for people."""

    certainty: float
    why: str
