"""The scheduler: utterances into slots, their takes through the network. No threads."""

import math
from collections import deque
from dataclasses import dataclass

from tts.dia.bundle import Bundle
from tts.dia.serving.utterance import UtteranceState
from tts.protocol import Occupancy, TextToSpeechError


@dataclass(eq=False)
class _Speaking:
    """An utterance, and the slot of the network that its take has, if it is at one."""

    utterance: UtteranceState
    slot: int | None = None


class Scheduler:
    """Schedules the utterances of one model: those that speak, and those that wait in turn."""

    def __init__(self, dia: Bundle) -> None:
        self._stepper = dia.stepper()
        self._slots = dia.model.slots
        self._speaking: list[_Speaking] = []
        self._waiting: deque[UtteranceState] = deque()

    def open(self, utterance: UtteranceState) -> None:
        """Take on an utterance: it speaks when there is a slot for it."""
        self._waiting.append(utterance)

    def close(self, utterance: UtteranceState) -> None:
        """Drop an utterance, whatever it is doing; also one that is over."""
        if utterance in self._waiting:
            self._waiting.remove(utterance)
        for each in [each for each in self._speaking if each.utterance is utterance]:
            self._speaking.remove(each)
            self._release(each)

    def fail(self, utterance: UtteranceState, error: TextToSpeechError) -> None:
        """End an utterance with an error."""
        self.close(utterance)
        utterance.deliver(error)

    @property
    def open_ones(self) -> list[UtteranceState]:
        """All utterances that are not over, those that wait for a slot first."""
        return [*self._waiting, *(each.utterance for each in self._speaking)]

    def occupancy(self) -> Occupancy:
        """Say how busy it is; from any thread."""
        return Occupancy(self._slots, len(self._speaking), len(self._waiting))

    def due(self) -> float:
        """Nothing is done without being told."""
        return math.inf

    def step(self) -> bool:
        """Do what can be done, at most one step of the network; False if that was nothing."""
        while self._waiting and len(self._speaking) < self._slots:
            self._speaking.append(_Speaking(self._waiting.popleft()))
        for each in list(self._speaking):
            self._begin(each)
        moved = self._stepper.step()
        for each in list(self._speaking) if moved else ():
            self._advance(each)
        return moved

    def _begin(self, speaking: _Speaking) -> None:
        """Give an utterance's next take a slot, or end the utterance."""
        utterance = speaking.utterance
        if speaking.slot is not None:
            return
        if utterance.over:
            self.close(utterance)
            utterance.deliver(None)
            return
        try:
            take = utterance.begin_take()
        except TextToSpeechError as error:
            self.fail(utterance, error)
            return
        if take is not None:
            speaking.slot = self._stepper.admit(take)

    def _advance(self, speaking: _Speaking) -> None:
        utterance, take = speaking.utterance, speaking.utterance.take
        if take is None:
            return
        finished = take.finished
        utterance.collect()
        if finished:
            self._release(speaking)

    def _release(self, speaking: _Speaking) -> None:
        if speaking.slot is not None:
            self._stepper.release(speaking.slot)
            speaking.slot = None
