"""What a client appended last: the sound of the items that are made of it."""

from collections import deque

from agent.server.realtime.formats import RATES, WIDTH, Coded

KEPT = 4 << 20
"""Bytes that are kept: 87 s of PCM, of which a turn has 60 as a rule."""


class LatestSound:
    """The latest sound in the order of its coming, as it came."""

    def __init__(self) -> None:
        self.end_ms = 0.0
        """The length of all there ever was."""
        self._pieces: deque[tuple[float, Coded]] = deque()  # with where each begins
        self._bytes = 0

    def add(self, sound: Coded) -> None:
        """Take more; what is not in a format that a client can name, as of a call, is not kept."""
        if sound.rate == RATES[sound.kind]:
            most = KEPT // WIDTH[sound.kind]
            rest = sound[max(0, len(sound) - most) :]
            self._pieces.append((self.end_ms + (sound.seconds - rest.seconds) * 1000, rest))
            self._bytes += rest.codes.nbytes
            while self._bytes > KEPT:
                self._bytes -= self._pieces.popleft()[1].codes.nbytes
        self.end_ms += sound.seconds * 1000

    def between(self, start_ms: float, end_ms: float) -> tuple[bytes, float]:
        """Return the sound of a stretch, as far as it is kept, and how long one byte lasts.

        If the format changed on the way it begins with the last one.
        """
        parts: list[Coded] = []
        for begin_ms, sound in reversed(self._pieces):  # what is asked for is mostly the latest
            first, last = (round((ms - begin_ms) * sound.rate / 1000) for ms in (start_ms, end_ms))
            if first >= len(sound) or (parts and parts[-1].kind != sound.kind):
                break
            if last > 0:
                parts.append(sound[max(0, first) : last])
        if not parts:
            return b"", 0.0
        byte_ms = 1000 / (parts[0].rate * WIDTH[parts[0].kind])
        return b"".join(part.codes.tobytes() for part in reversed(parts)), byte_ms
