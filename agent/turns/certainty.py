"""Certainties: probabilities, and the log odds in which independent evidence adds up."""

import math

SUREST = 0.98
"""Nobody who judges how finished a turn is can be surer, either way."""


def log_odds(certainty: float) -> float:
    """Return the log odds of a certainty (0 to 1)."""
    p = min(max(certainty, 1 - SUREST), SUREST)
    return math.log(p / (1 - p))


def probability(odds: float) -> float:
    """Return the certainty (0 to 1) of log odds."""
    return 1 / (1 + math.exp(-odds))
