"""Utterances into slots, their steps, and their frames through the codec. Knows no threads."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tts.dia2.bundle import Bundle
from tts.dia2.network.sampling import random_numbers
from tts.dia2.serving.admission import Admission
from tts.dia2.serving.graph_stepper import new_stepper
from tts.dia2.serving.utterance import PrefilledPrefix, Speaking, VoiceSettings
from tts.dia2.serving.windows import Prefix, Window
from tts.protocol import TextToSpeechError

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Seat:
    """An utterance that has a slot of the codec and one of the network."""

    speaking: Speaking
    window: Window
    """The one that the network is at."""
    place: int
    """The network's slot; each window may get another one."""


class Scheduler:
    """The utterances of one model: those that speak, and those that wait for a slot in turn.

    There may be slots left: as many speak as are in real time here, as far as has been measured.
    """

    def __init__(self, bundle: Bundle, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds; it matters where text is late, and to how many are let speak."""
        self.pace = Admission(1 / bundle.frame_rate)
        self._bundle = bundle
        self._clock = clock
        self._stepper = new_stepper(bundle.model, bundle.graphs)
        self._decoder = bundle.decoder
        self._seats: list[_Seat | None] = [None] * bundle.model.slots
        self._waiting: deque[Speaking] = deque()
        self._listener: Window | None = None  # hears what an utterance may begin with
        self._listens_at: int | None = None  # the network's slot, if it has one
        self._told = False  # that somebody has to wait although there is a slot

    def warm(self, opening: Prefix, manner: VoiceSettings) -> PrefilledPrefix:
        """Hear an opening now, for all utterances that begin with it, while none speaks.

        Raises TextToSpeechError if it leaves no room to speak.
        """
        opening.check(self._bundle.config, self._bundle.frame_rate)
        warmed = self.listen(opening, manner)
        while self.step():
            pass
        return warmed

    def listen(self, opening: Prefix, manner: VoiceSettings) -> PrefilledPrefix:
        """Hear an opening as soon as there is time and a slot for it; that may never be.

        An utterance that begins with it has to hear only what has not been heard by then.
        """
        config = self._bundle.config
        window = Window(
            config,
            opening,
            bos=self._bundle.tokenizer.bos,
            uniforms=random_numbers(0, 1, config.codebooks),
            sampling=manner.sampling,
        )
        window.held = True  # only listen
        self._stop_listening()
        self._listener = window if window.warming else None
        return PrefilledPrefix(opening, window)

    def open(self, speaking: Speaking) -> None:
        """Take on an utterance: it speaks when there is a slot for it."""
        self._waiting.append(speaking)

    def close(self, speaking: Speaking) -> None:
        """Drop an utterance, whatever it is doing; also one that is over."""
        if speaking in self._waiting:
            self._waiting.remove(speaking)
        for slot, seat in self._seated():
            if seat.speaking is speaking:
                self._stepper.release(seat.place)
                self._seats[slot] = None

    def fail(self, speaking: Speaking, error: TextToSpeechError) -> None:
        """End an utterance with an error."""
        self.close(speaking)
        speaking.deliver(error)

    @property
    def open_ones(self) -> list[Speaking]:
        """The utterances that are not over, those that wait for a slot first."""
        return [*self._waiting, *(seat.speaking for _, seat in self._seated())]

    def due(self) -> float:
        """When `step` will have something to do by itself, by the clock; it may be never."""
        now = self._clock()
        return min((seat.speaking.due(now) for _, seat in self._seated()), default=math.inf)

    def step(self) -> bool:
        """Do what can be done, at most one step of the network; False if that was nothing.

        While utterances speak, nothing else is done; a listener that would take a slot from one
        is sent away, and what it has heard is not lost.
        """
        self._seat_waiting()
        now = self._clock()
        for _, seat in self._seated():
            if seat.speaking.due(now) <= now:
                seat.speaking.pause()
        begun = self._clock()
        try:
            moved = self._stepper.step()
        except Exception:
            self._stop_listening()  # it may be its fault, and nobody else would end it
            raise
        if moved:
            for _, seat in self._seated():
                seat.speaking.collect()
            self._decode()
            if self._stepper.spoke:
                now = self._clock()
                self.pace.note(self._stepper.spoke, now - begun, now)
        elif self._listens_at is not None:
            self._stop_listening()  # it has heard all there is
        self._turn_over()
        return moved

    def _seated(self) -> Iterator[tuple[int, _Seat]]:
        return ((slot, seat) for slot, seat in enumerate(self._seats) if seat is not None)

    def _seat_waiting(self) -> None:
        for slot, seat in enumerate(self._seats):
            if seat is None and self._waiting and self._lets_in():
                if not self._stepper.free:
                    self._stop_listening()
                speaking = self._waiting.popleft()
                place = self._stepper.admit(speaking.window)
                self._decoder.reset(slot)
                self._seats[slot] = _Seat(speaking, speaking.window, place)
        if self._listener is not None and self._listens_at is None and self._stepper.free:
            self._listens_at = self._stepper.admit(self._listener)

    def _lets_in(self) -> bool:
        """Whether all would be in real time with one more."""
        count = 1 + len(list(self._seated()))
        allowed = self.pace.allows(count, self._clock())
        if not allowed and not self._told:
            self._told = True
            _log.warning(
                "Dia2 speaks %d utterances at once here, not %d: a frame would take %.0f ms, more "
                "than it sounds; who comes next waits until one of them ends",
                count - 1,
                count,
                1000 * self.pace.seconds(count, self._clock()),
            )
        return allowed

    def _stop_listening(self) -> None:
        if self._listens_at is not None:
            self._stepper.release(self._listens_at)
        self._listener = self._listens_at = None

    def _decode(self) -> None:
        """Send the frames that are complete: one of each slot at a time."""
        config, mimi = self._bundle.config, self._bundle.mimi
        while any(seat.speaking.frames for _, seat in self._seated()):
            codes = np.zeros((len(self._seats), config.codebooks), np.int64)
            active = np.zeros(len(self._seats), bool)
            for slot, seat in self._seated():
                if seat.speaking.frames:
                    codes[slot] = seat.speaking.frames.popleft()
                    active[slot] = True
            # A sampler with nothing else left may draw a control id (the published quirk 15).
            codes = codes.clip(0, mimi.config.codebook_size - 1)
            waves = self._decoder.step(codes, active)
            for slot, seat in self._seated():
                if active[slot]:
                    seat.speaking.send(waves[slot].copy(), self._clock())

    def _turn_over(self) -> None:
        """Free the slots of what is over, and begin the windows that follow."""
        for speaking in self.open_ones:
            if speaking.over:
                self.close(speaking)
                speaking.deliver(None)
        for _, seat in self._seated():
            if seat.window is not seat.speaking.window:
                self._stepper.release(seat.place)
                seat.window = seat.speaking.window
                seat.place = self._stepper.admit(seat.window)
