"""The wake gate: while the agent sleeps, nothing passes it but to the wake word engine.

It keeps the last seconds in memory, and when the wake word has been heard, what followed it is let
through first: "hey parley, what time is it" loses no word, and nobody else hears the first two.
"""

from collections import deque
from collections.abc import Callable, Sequence

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.energy_gate import EnergyGate
from agent.audio.resample import Resampler
from agent.events import MICROPHONE_RATE, Audio, ErrorEvent, Report, WakeHeard
from agent.guards.foreign import describe
from agent.guards.thread import run_in_thread
from agent.turns.vad import WINDOW
from agent.wake.engine import WakeWord, WakeWordEngine
from agent.wake.tail import LONGEST, PAUSE, after_tail

PRE_ROLL = 3.0
"""Seconds kept while it sleeps: what may be said between a wake word's end and its being known."""

BLOCK = 3 * WINDOW
"""Samples that the engine is given at a time, at least: 96 ms."""

LEAD_IN = 8
"""Windows from before the sound that the engine is given first."""

LIMIT = 5.0
"""Seconds that the engine may take for what it is given: one that hangs is given up at once."""

FAILURES = 3
"""Failures in a row after which the engine is given up, and the agent listens to everything."""

_WAITING = round(PRE_ROLL * MICROPHONE_RATE / WINDOW)


class WakeGate:
    """A wake gate says of each block what may be heard of it: all, or while asleep nothing."""

    def __init__(
        self,
        engine: WakeWordEngine | None,
        report: Report,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        """`report` is told of the wake word, `woken` after it. The engine is loaded.

        Without an engine everything passes.
        """
        self.asleep = engine is not None
        """Whether nothing is let through."""
        self.woken = woken
        self._engine = engine
        self._report = report
        self._failures = 0
        self._more = anyio.Event()
        self._begin()

    def sleep(self) -> None:
        """Let nothing through until the wake word is heard."""
        if self._engine is not None and self._failures < FAILURES:
            self._begin()
            self.asleep = True

    def wake(self) -> None:
        """Let everything through from now on, as if the wake word had been heard."""
        if self.asleep:
            self.asleep = False
            self._kept.clear()
            self._sound.clear()
            self.woken()

    def after(
        self, intake: Callable[[Audio], Sequence[Audio]]
    ) -> Callable[[Audio], Sequence[Audio]]:
        """Return an intake of which everything passes here."""
        if self._engine is None:
            return intake
        return lambda block: [each for taken in intake(block) for each in self.pass_on(taken)]

    def unless_asleep(self, hear: Callable[[Audio], None]) -> Callable[[Audio], None]:
        """Return what tells `hear` of blocks while the agent is awake."""

        def tell(block: Audio) -> None:
            if not self.asleep:
                hear(block)

        return tell

    def pass_on(self, block: Audio) -> list[Audio]:
        """Return what may be heard of a block, and before it of earlier ones."""
        if block.mark == "open":  # the user holds the turn
            self.wake()
        if self.asleep:
            self._keep(block)
            return []
        if self._word_end is None:
            return [block]
        if not block.mark:
            self._keep(block)
            known = self._word_end + (LONGEST + PAUSE) * MICROPHONE_RATE <= self._received
            return self._release(self._word_end) if known else []
        return [*self._release(self._word_end), block]

    async def run(self) -> None:
        """Have the engine listen while the agent sleeps, until cancelled."""
        while True:
            await self._more.wait()
            self._more = anyio.Event()
            while self.asleep and sum(map(len, self._sound)) >= BLOCK:
                await self._listen()

    def _begin(self) -> None:
        self._kept: deque[tuple[int, Audio]] = deque()  # each with the number of its first sample
        self._word_end: int | None = None
        """The number of the sample after the wake word, until it is known how it dies away."""
        self._received = 0  # samples at 16 kHz so far
        self._rest = np.zeros(0, np.float32)  # the beginning of a window
        # For the engine; one that is slow misses the earliest.
        self._sound: deque[NDArray[np.float32]] = deque(maxlen=_WAITING)
        self._before: deque[NDArray[np.float32]] = deque(maxlen=LEAD_IN)
        self._heard_until = 0  # the number of the sample after the last one that was put there
        self._anew = True  # what the engine hears next does not follow what it has heard
        self._energy = EnergyGate()
        self._rate = MICROPHONE_RATE
        self._resampler = Resampler(MICROPHONE_RATE, MICROPHONE_RATE, "light")

    def _keep(self, block: Audio) -> None:
        """Remember a block for a while, and put what is not silence before the engine."""
        if not len(block.pcm):  # a mark: nobody's turn is open
            return
        if block.sample_rate != self._rate:
            self._rate = block.sample_rate
            self._resampler = Resampler(self._rate, MICROPHONE_RATE, "quick")
        pcm = self._resampler.process(block.pcm)
        start = anyio.current_time() - block.duration if block.time is None else block.time
        self._kept.append((self._received, Audio(pcm, MICROPHONE_RATE, start)))
        self._received += len(pcm)
        while self._kept and self._kept[0][0] < self._received - PRE_ROLL * MICROPHONE_RATE:
            self._kept.popleft()
        heard = np.concatenate((self._rest, pcm))
        end = len(heard) // WINDOW * WINDOW
        self._rest = heard[end:]
        windows = heard[:end].reshape(-1, WINDOW)
        first = self._received - len(heard)
        for window, loud in zip(windows, self._energy.hear(windows), strict=True):
            first += WINDOW
            if not loud:
                self._before.append(window)
                continue
            self._sound.extend((*self._before, window))
            self._before.clear()
            self._heard_until = first
        if self._sound:
            self._more.set()

    async def _listen(self) -> None:
        pcm, until = np.concatenate(self._sound), self._heard_until
        self._sound.clear()
        try:
            with anyio.fail_after(LIMIT):
                word = await run_in_thread(lambda: self._hear(pcm), name="wake")
        except TimeoutError:
            self._failures = FAILURES - 1  # its thread is lost: it is not asked again
            self._failed(f"it took longer than {LIMIT:g} s")
            return
        except Exception as error:  # noqa: BLE001  (P6: told, and the agent can still be talked to)
            self._failed(describe(error))
            return
        self._failures = 0
        if word is not None and self.asleep:
            self._word_end = until - word.ago
            self.asleep = False
            self._report(WakeHeard(word.text))
            self.woken()

    def _hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        """Thread: ask the engine."""
        assert self._engine is not None
        if self._anew:
            self._engine.reset()
            self._anew = False
        return self._engine.hear(pcm)

    def _release(self, start: int) -> list[Audio]:
        """Return what was captured from sample number `start` on, but the word's tail."""
        released: list[Audio] = []
        if self._kept:
            begin = self._kept[0][0]
            kept = np.concatenate([block.pcm for _, block in self._kept])
            start = begin + after_tail(kept, max(0, start - begin))
        for first, block in self._kept:
            skipped = max(0, start - first)
            if skipped < len(block.pcm):
                assert block.time is not None
                time = block.time + skipped / MICROPHONE_RATE
                released.append(Audio(block.pcm[skipped:], MICROPHONE_RATE, time))
        self._kept.clear()
        self._sound.clear()
        self._word_end = None
        return released

    def _failed(self, why: str) -> None:
        self._failures += 1
        given_up = self._failures >= FAILURES
        what = "the agent listens to everything from now on" if given_up else "it goes on"
        message = f"the wake word engine failed, {what}: {why}"
        self._report(ErrorEvent("wake", "wake.failed", message, recovered=True))
        if given_up:
            self.wake()
