"""Parley's voice activity detection for LiveKit's agents."""

import time
from copy import copy
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import vad

from agent.audio.resample import Resampler
from agent.config.sections import TurnSettings, VadSettings
from agent.plugins.hearing import samples
from agent.turns.detector import TurnDetector
from agent.turns.events import SpeechEnded, SpeechStarted
from agent.turns.guarded_vad import GuardedVad
from agent.turns.vad import SAMPLE_RATE, WINDOW, SileroVad

_SECONDS = WINDOW / SAMPLE_RATE


class ParleyVAD(vad.VAD):  # type: ignore[misc]
    """Voice activity by Silero v6, with Parley's hysteresis."""

    def __init__(self, *, silence: float = 0.3) -> None:
        """`silence`: seconds of it that end speech."""
        super().__init__(capabilities=vad.VADCapabilities(update_interval=_SECONDS))
        self.detector = GuardedVad(SileroVad())
        self.silence = silence

    @property
    def provider(self) -> str:
        """Who listens."""
        return "parley"

    def stream(self) -> vad.VADStream:
        """Hear one user."""
        return _Stream(self)


class _Stream(vad.VADStream):  # type: ignore[misc]
    """One user."""

    async def _main_task(self) -> None:
        await self._vad.detector.load()
        resampler: Resampler | None = None
        self._begin()
        windows = 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                self._begin()
                continue
            resampler = resampler or Resampler(frame.sample_rate, SAMPLE_RATE, "quick")
            mono = samples(bytes(frame.data)).reshape(-1, frame.num_channels).mean(axis=1)
            begun = time.perf_counter()
            self._frames.append(frame)
            for voiced in await self._heard.feed(resampler.process(mono)):
                took = time.perf_counter() - begun
                self._judge(voiced, windows, took)
                windows += 1

    def _begin(self) -> None:
        settings = TurnSettings(detector="silence", silence=self._vad.silence)
        self._turns = TurnDetector(VadSettings(), settings)
        self._heard = copy(self._vad.detector)
        self._heard.reset()
        self._frames: list[Any] = []
        self._spoken = self._quiet = 0.0

    def _judge(self, voiced: float, window: int, took: float) -> None:
        start = window * _SECONDS
        signals = self._turns.update(voiced, start, start + _SECONDS)
        speaking = self._turns.speaking
        self._spoken = self._spoken + _SECONDS if speaking else 0.0
        self._quiet = self._turns.quiet if speaking else self._quiet + _SECONDS
        kinds = [vad.VADEventType.INFERENCE_DONE]
        kinds += [vad.VADEventType.START_OF_SPEECH for s in signals if isinstance(s, SpeechStarted)]
        kinds += [vad.VADEventType.END_OF_SPEECH for s in signals if isinstance(s, SpeechEnded)]
        for kind in kinds:
            frames = list(self._frames) if kind is not vad.VADEventType.INFERENCE_DONE else []
            event = vad.VADEvent(
                kind,
                samples_index=(window + 1) * WINDOW,
                timestamp=start + _SECONDS,
                speech_duration=self._spoken,
                silence_duration=self._quiet,
                frames=frames,
                probability=float(np.clip(voiced, 0, 1)),
                inference_duration=took,
                speaking=speaking,
                raw_accumulated_silence=self._quiet,
                raw_accumulated_speech=self._spoken,
            )
            self._event_ch.send_nowait(event)
        if not speaking:
            self._frames = self._frames[-50:]  # what comes before a voice is noticed
