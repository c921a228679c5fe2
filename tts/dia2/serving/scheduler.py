"""The scheduler: utterances into slots, their steps, their frames through the codec. No threads."""

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
from tts.dia2.serving.sequence import Status
from tts.dia2.serving.utterance import PrefilledPrefix, UtteranceState, VoiceSettings
from tts.dia2.serving.windows import Prefix, Window
from tts.protocol import Occupancy, TextToSpeechError

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Slot:
    """An utterance that has a slot of the codec and one of the network."""

    utterance: UtteranceState
    window: Window
    """The one that the network is at."""
    network_slot: int
    """The network's slot; each window may get another one."""


class Scheduler:
    """Schedules the utterances of one model: those that speak, and those that wait in turn.

    There may be slots left: as many speak as are in real time here, as far as has been measured.
    """

    def __init__(self, bundle: Bundle, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds; it matters where text is late, and to how many are let speak."""
        self.admission = Admission(1 / bundle.frame_rate)
        self._bundle = bundle
        self._clock = clock
        self._stepper = new_stepper(bundle.model, bundle.graphs)
        self._decoder = bundle.decoder
        self._slots: list[_Slot | None] = [None] * bundle.model.slots
        self._waiting: deque[UtteranceState] = deque()
        self._idle_prefill: Window | None = None  # what an utterance may begin with
        self._idle_slot: int | None = None  # the network's slot, if it has one
        self._warned = False  # that somebody has to wait although there is a slot

    def prefill(self, prefix: Prefix, voice_settings: VoiceSettings) -> PrefilledPrefix:
        """Feed the network a prefix now, for all utterances that begin with it, while none speaks.

        Raises TextToSpeechError if it leaves no room to speak.
        """
        prefix.check(self._bundle.config, self._bundle.frame_rate)
        prefilled = self.prefill_when_idle(prefix, voice_settings)
        while self.step():
            pass
        return prefilled

    def prefill_when_idle(self, prefix: Prefix, voice_settings: VoiceSettings) -> PrefilledPrefix:
        """Feed it a prefix as soon as there is time and a slot for it; that may never be.

        An utterance that begins with it is fed only what is not in the prefix cache by then.
        """
        config = self._bundle.config
        window = Window(
            config,
            prefix,
            bos=self._bundle.tokenizer.bos,
            uniforms=random_numbers(0, 1, config.codebooks),
            sampling=voice_settings.sampling,
        )
        window.held = True  # only the prefix
        self._stop_idle_prefill()
        self._idle_prefill = window if window.status is Status.PREFILL else None
        return PrefilledPrefix(prefix, window)

    def open(self, utterance: UtteranceState) -> None:
        """Take on an utterance: it speaks when there is a slot for it."""
        self._waiting.append(utterance)

    def close(self, utterance: UtteranceState) -> None:
        """Drop an utterance, whatever it is doing; also one that is over."""
        if utterance in self._waiting:
            self._waiting.remove(utterance)
        for index, slot in self._occupied():
            if slot.utterance is utterance:
                self._stepper.release(slot.network_slot)
                self._slots[index] = None

    def fail(self, utterance: UtteranceState, error: TextToSpeechError) -> None:
        """End an utterance with an error."""
        self.close(utterance)
        utterance.deliver(error)

    @property
    def open_ones(self) -> list[UtteranceState]:
        """All utterances that are not over, those that wait for a slot first."""
        return [*self._waiting, *(slot.utterance for _, slot in self._occupied())]

    def occupancy(self) -> Occupancy:
        """Say how busy it is; from any thread."""
        speaking = sum(slot is not None for slot in self._slots)
        return Occupancy(len(self._slots), speaking, len(self._waiting))

    def due(self) -> float:
        """Say when `step` will have something to do by itself, by the clock; it may be never."""
        now = self._clock()
        return min((slot.utterance.due(now) for _, slot in self._occupied()), default=math.inf)

    def step(self) -> bool:
        """Do what can be done, at most one step of the network; False if that was nothing.

        While utterances speak, nothing else is done; an idle prefill that would take a slot from
        one is stopped, and what it has computed is not lost.
        """
        self._admit_waiting()
        now = self._clock()
        for _, slot in self._occupied():
            if slot.utterance.due(now) <= now:
                slot.utterance.pause()
        begun = self._clock()
        try:
            moved = self._stepper.step()
        except Exception:
            self._stop_idle_prefill()  # it may be its fault, and nobody else would end it
            raise
        if moved:
            for _, slot in self._occupied():
                slot.utterance.collect()
            self._decode()
            if self._stepper.spoke:
                now = self._clock()
                self.admission.note(self._stepper.spoke, now - begun, now)
        elif self._idle_slot is not None:
            self._stop_idle_prefill()  # it has been fed all there is
        self._retire()
        return moved

    def _occupied(self) -> Iterator[tuple[int, _Slot]]:
        return ((index, slot) for index, slot in enumerate(self._slots) if slot is not None)

    def _admit_waiting(self) -> None:
        for index, slot in enumerate(self._slots):
            if slot is None and self._waiting and self._admits():
                if not self._stepper.free:
                    self._stop_idle_prefill()
                utterance = self._waiting.popleft()
                network_slot = self._stepper.admit(utterance.window)
                self._decoder.reset(index)
                self._slots[index] = _Slot(utterance, utterance.window, network_slot)
        if self._idle_prefill is not None and self._idle_slot is None and self._stepper.free:
            self._idle_slot = self._stepper.admit(self._idle_prefill)

    def _admits(self) -> bool:
        """Say whether all would be in real time with one more."""
        count = 1 + len(list(self._occupied()))
        allowed = self.admission.allows(count, self._clock())
        if not allowed and not self._warned:
            self._warned = True
            _log.warning(
                "Dia2 speaks %d utterances at once here, not %d: a frame would take %.0f ms, more "
                "than it sounds; who comes next waits until one of them ends",
                count - 1,
                count,
                1000 * self.admission.seconds(count, self._clock()),
            )
        return allowed

    def _stop_idle_prefill(self) -> None:
        if self._idle_slot is not None:
            self._stepper.release(self._idle_slot)
        self._idle_prefill = self._idle_slot = None

    def _decode(self) -> None:
        """Send the frames that are complete: one of each slot at a time."""
        config, mimi = self._bundle.config, self._bundle.mimi
        while any(slot.utterance.frames for _, slot in self._occupied()):
            codes = np.zeros((len(self._slots), config.codebooks), np.int64)
            active = np.zeros(len(self._slots), bool)
            for index, slot in self._occupied():
                if slot.utterance.frames:
                    codes[index] = slot.utterance.frames.popleft()
                    active[index] = True
            # A sampler with nothing else left may draw a control id (the published quirk 15).
            codes = codes.clip(0, mimi.config.codebook_size - 1)
            waves = self._decoder.step(codes, active)
            for index, slot in self._occupied():
                if active[index]:
                    slot.utterance.send(waves[index].copy(), self._clock())

    def _retire(self) -> None:
        """Free the slots of what is over, and begin the windows that follow."""
        for utterance in self.open_ones:
            if utterance.over:
                self.close(utterance)
                utterance.deliver(None)
        for _, slot in self._occupied():
            if slot.window is not slot.utterance.window:
                self._stepper.release(slot.network_slot)
                slot.window = slot.utterance.window
                slot.network_slot = self._stepper.admit(slot.window)
