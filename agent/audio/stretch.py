"""Speech at another speed and the same pitch."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Stretch:
    """A stretch of speech in time: FFmpeg's `atempo`. It computes: call it in a worker thread."""

    def __init__(self, sample_rate: int, speed: float) -> None:
        """Take samples at `sample_rate` Hz, to be heard at `speed` times their speed."""
        from av.filter import Graph

        self._rate = sample_rate
        self._graph = Graph()
        source = self._graph.add_abuffer(
            format="flt", sample_rate=sample_rate, layout="mono", time_base=None
        )
        chain = [source]
        while speed < 0.5:  # the filter's lowest
            chain.append(self._graph.add("atempo", "0.5"))
            speed /= 0.5
        chain += [
            self._graph.add("atempo", f"{speed:.6f}"),
            self._graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"),
            self._graph.add("abuffersink"),
        ]
        for before, after in pairwise(chain):
            before.link_to(after)
        self._graph.configure()
        self._sent = 0

    def __call__(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Stretch the next samples [n]."""
        import av

        if not len(pcm):
            return pcm
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), "flt", "mono")
        frame.sample_rate = self._rate
        frame.pts = self._sent
        self._sent += len(pcm)
        self._graph.push(frame)
        return self._pull()

    def finish(self) -> NDArray[np.float32]:
        """Return what is left."""
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> NDArray[np.float32]:
        import av

        parts: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
        while True:
            try:
                frame: Any = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(parts)
            parts.append(frame.to_ndarray().reshape(-1))
