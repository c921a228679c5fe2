"""The pace of a voice that gives no word times, from what has been heard of its first reply.

Three witnesses: how fast people usually speak, the syllables in the sound against those in the
text, and the pauses, which a voice makes where a mark ends a clause.
"""

import math
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

from tts.estimate import FRAME, LETTERS_A_SECOND, MARKS, PAUSE, letters_before

USUAL, SYLLABLES = 0.5, 0.2
"""How unsure the first two are: standard deviations of the logarithm of the pace."""
FEWEST = 3
"""Syllables from which on they are counted."""
NEAR = 0.12
"""Seconds of sound between a pause and a mark that they may belong together."""
MOST = 3.0
"""What a pause without a mark, or a mark without a pause, costs at most."""
PACES = np.geomspace(1 / 30, 1 / 6, 40)
"""Seconds of loud sound that a letter may take."""

DIP = 2.0
"""Decibels of a dip between two syllables."""
AUDIBLE = 25.0
"""Decibels below the loud parts from which on a sound is no syllable."""
_SMOOTH = np.hanning(9)[1:-1] / np.hanning(9).sum()
_VOWELS = re.compile("[aeiouyаеиоуыэюя]+")


def levels(pcm: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Return the level of every frame of `pcm`, root mean square, float64 [n]."""
    starts = np.arange(0, len(pcm), round(FRAME * sample_rate))
    if not len(starts):
        return np.zeros(0)
    sizes = np.diff(np.append(starts, len(pcm)))
    return np.asarray(np.sqrt(np.add.reduceat(np.square(pcm, dtype=np.float64), starts) / sizes))


def estimate_pace(text: str, loud: NDArray[np.int64], frames: NDArray[np.float64]) -> float:
    """Return the seconds of loud sound that a letter of `text` takes, of which a part was said.

    `loud` are the loud frames of the sound (`tts.estimate.loud_frames`), `frames` the levels of
    all of them.
    """
    places, letters = letters_before(text)
    if not letters:
        return 1 / LETTERS_A_SECOND
    usual, unsure = -math.log(LETTERS_A_SECOND), USUAL
    counted = count_syllables(frames)
    if counted >= FEWEST:
        said = counted * letters / max(1, _syllables(text))
        heard = math.log(len(loud) * FRAME / said)
        trust, other = 1 / USUAL**2, 1 / SYLLABLES**2 * min(1, counted / 6)
        usual = (trust * usual + other * heard) / (trust + other)
        unsure = (trust + other) ** -0.5
    ends = zip((*places[1:], letters), text.split(), strict=True)
    marks = [end for end, word in ends if word[-1] in MARKS]
    step = loud[1] - loud[0] if len(loud) > 1 else 1
    pauses = np.float64(FRAME) * (1 + np.flatnonzero(np.diff(loud) > PAUSE / FRAME * step))
    costs = [
        ((math.log(pace) - usual) / unsure) ** 2
        + _apart(pauses, pace * np.array(marks), len(loud) * FRAME)
        for pace in PACES
    ]
    return float(PACES[int(np.argmin(costs))])


def count_syllables(frames: NDArray[np.float64]) -> int:
    """Count the peaks of the level with a dip between them."""
    if not len(frames):
        return 0
    decibels = 20 * np.log10(np.convolve(frames, _SMOOTH, "same") + 1e-6)
    floor = np.percentile(decibels[decibels > decibels.max() - 40], 90) - AUDIBLE
    count, peak, low = 0, -math.inf, -math.inf
    for level in decibels.tolist():
        if peak > -math.inf and level < max(floor, peak - DIP):
            count, peak, low = count + 1, -math.inf, level
        elif peak == -math.inf and level > max(floor, low + DIP):
            peak = level
        peak, low = (max(peak, level), low) if peak > -math.inf else (peak, min(low, level))
    return count


def _syllables(text: str) -> int:
    """Count the syllables of a text as the vowels show them; a word has one at least."""
    bare = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return sum(max(1, len(_VOWELS.findall(re.sub(r"e\b", "", word)))) for word in bare.split())


def _apart(pauses: NDArray[np.float64], marks: NDArray[np.float64], end: float) -> float:
    """What it costs that pauses and marks, in seconds of sound, are not at the same places."""
    marks = marks[marks < end - NEAR]
    cost = 0.0
    for some, others in ((pauses, marks), (marks, pauses)):
        for at in some:
            near = np.abs(others - at).min() if len(others) else math.inf
            cost += min((near / NEAR) ** 2, MOST)
    return cost
