"""Silence that a take has too much of: before it begins, within it, and after the last word.

Also what follows that word: behind a pause, when all of the text should long be over, the model
sometimes begins to speak as whoever the closing tag names.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

WINDOW = 0.01
"""Seconds that are loud or silent as a whole."""
LOUD, LOUD_SHARE = 0.005, 0.02
"""The peak of what is not silent: at least this, and this share of the loudest so far."""
BEFORE, PAUSE, AFTER = 0.05, 1.0, 0.25
"""Seconds of silence that are kept, at most, before, within and after the words."""
STRAY = 0.5
"""Seconds of sound at the end that may be nobody's words."""
LATE = 1.25
"""Times the expected length, after which they are taken for that."""


class SilenceTrimmer:
    """Trims the sound of one take as it comes."""

    def __init__(self, sample_rate: int, expected: float) -> None:
        """`expected` are the seconds that its words should take."""
        self._window = max(1, round(WINDOW * sample_rate))
        self._late = round(LATE * expected * sample_rate)
        self._before, self._pause, self._after, self._stray = (
            round(seconds * sample_rate) for seconds in (BEFORE, PAUSE, AFTER, STRAY)
        )
        self._rest = np.zeros(0, np.float32)  # less than a window
        self._held: list[Samples] = []  # silence, and what may be nobody's words behind it
        self._silence = 0  # samples since the last loud window, or of sound held behind it
        self._sound = 0
        self._loudest = 0.0
        self._taken = 0
        self.heard = False
        """Whether there has been any sound."""

    def feed(self, pcm: Samples) -> Samples:
        """Take the next samples [n], float32; what of all so far is kept, beyond doubt."""
        pcm = np.concatenate((self._rest, pcm))
        whole = len(pcm) - len(pcm) % self._window
        self._rest = pcm[whole:]
        windows = pcm[:whole].reshape(-1, self._window)
        kept = [each for window in windows for each in self._take(window)]
        return np.concatenate(kept) if kept else np.zeros(0, np.float32)

    def finish(self) -> Samples:
        """End the take; the samples that are left of it."""
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        if not self.heard or self._sound or self._silence:
            return np.zeros(0, np.float32)
        return rest

    def _take(self, window: Samples) -> list[Samples]:
        peak = float(np.abs(window).max())
        self._loudest = max(self._loudest, peak)
        loud = peak > max(LOUD, LOUD_SHARE * self._loudest)
        self._taken += len(window)
        if not self.heard:
            return self._begin(window, loud=loud)
        if not loud:
            return self._wait(window)
        self._sound += len(window)
        stray = self._silence >= self._after and self._taken > self._late
        if stray and self._sound <= self._stray:
            self._held.append(window)
            return []
        return self._release(window)

    def _begin(self, window: Samples, *, loud: bool) -> list[Samples]:
        """Before the first sound."""
        self._held.append(window)
        if not loud:
            keep = self._before // self._window
            self._held = self._held[-keep:] if keep else []
            return []
        self.heard = True
        return self._release()

    def _wait(self, window: Samples) -> list[Samples]:
        """In a pause: a short one goes on at once, of a longer one it is not known yet."""
        if self._sound and self._held:  # silence behind what may be nobody's words
            self._held.append(window)
            return []
        self._sound = 0
        self._silence += len(window)
        if self._silence <= self._after:
            return [window]
        if self._silence <= self._pause:
            self._held.append(window)
        return []

    def _release(self, *windows: Samples) -> list[Samples]:
        """Somebody goes on to speak: all of it was theirs."""
        held, self._held = self._held, []
        self._silence = self._sound = 0
        return [*held, *windows]
