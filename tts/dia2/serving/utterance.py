"""An utterance on the engine's thread: text in, frames of codes and the words in them out."""

import math
import secrets
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.sequence import FLUSH, Status
from tts.dia2.serving.underrun import TextUnderrun
from tts.dia2.serving.windows import Prefix, Window, check_length
from tts.dia2.text.alignment import TextAligner
from tts.dia2.text.script import Entry, ScriptParser
from tts.protocol import Speech, SpokenWord
from tts.transformer.item import Item

if TYPE_CHECKING:
    from tts.dia2.bundle import Bundle

_AHEAD = 12  # pieces of speech that the listener may be behind


@dataclass(frozen=True)
class VoiceSettings:
    """How every utterance of an engine is spoken: the settings of its voice."""

    sampling: Sampling
    seed: int | None = None
    starve: Literal["hold", "pad"] = "pad"
    starve_after: float = 0.0
    """Seconds of a gap, when text is late, before the network pauses by itself."""


@dataclass(frozen=True, eq=False)
class PrefilledPrefix:
    """A prefix, and the window that is fed it: what that takes is the same for all utterances."""

    prefix: Prefix
    window: Window


class UtteranceState:
    """Keeps an utterance's state: its text, its window, and what has left of it."""

    def __init__(
        self,
        bundle: "Bundle",
        voice_settings: VoiceSettings,
        prefilled: PrefilledPrefix,
        deliver: Callable[[Item], None],
    ) -> None:
        """`deliver` takes the speech, and at last None or an error; it must not wait."""
        self.deliver = deliver
        self.frames: deque[NDArray[np.int32]] = deque()
        """Codes [codebooks] to be decoded and sent."""
        self.over = False
        """Nothing comes after `frames`."""
        self._bundle = bundle
        self._voice_settings = voice_settings
        self._parser = ScriptParser(bundle.tokenizer, bundle.frame_rate)
        self._aligner = TextAligner()
        self._closed = False
        self._has_words = False
        self._seed = secrets.randbits(32) if voice_settings.seed is None else voice_settings.seed
        self._first = 0  # the utterance's frame with which the window's own begin
        self._words: deque[tuple[str, int]] = deque()  # taken, and the frame of each
        self._sent = 0  # frames
        self._unheard = 0  # pieces that the listener has not taken
        limit = bundle.config.max_delay + FLUSH
        self._underrun = TextUnderrun(voice_settings.starve_after, limit, 1 / bundle.frame_rate)
        self.begin_with(prefilled)

    def begin_with(self, prefilled: PrefilledPrefix) -> None:
        """Begin with this prefix instead of the one there was; before there is any text."""
        self._prefix = prefilled.prefix
        self.window = copy(prefilled.window)
        self.window.held = False
        self.window.uniforms = self._draws()

    def feed(self, text: str) -> None:
        """Take more text. Raises TextToSpeechError: an unreadable pause, an endless word."""
        self._aligner.add(text)
        self._add(self._parser.feed(text))

    def finish(self) -> None:
        """Take the end of the text. Raises TextToSpeechError as `feed` does."""
        self._add(self._parser.finish())
        self._closed = True
        self.window.machine.close()
        self.over = self.over or not self._has_words

    def heard(self) -> None:
        """Note that the listener has taken a piece."""
        self._unheard -= 1
        self._hold()

    def due(self, now: float) -> float:
        """Say when the network must pause by itself; infinity as long as it need not."""
        taken = len(self.window.machine.consumption_times)
        said = not self.window.prefix or taken > len(self.window.prefix.entries)
        if self._voice_settings.starve == "hold" or not (
            self.window.status is Status.STARVED and taken and said
        ):
            return math.inf
        return self._underrun.due(taken, now)

    def pause(self) -> None:
        """Go on for a step without the text that is waited for."""
        self.window.pause()
        self._underrun.paused()

    def collect(self) -> None:
        """Take what the window's last step has made certain; open the next window if it is due."""
        window = self.window
        cut = window.cut()
        frames = window.frames().T
        if cut is not None:
            frames = frames[: max(0, len(frames) - (window.complete - cut))]
        self.frames.extend(frames)
        self._words += ((text, self._first + frame) for text, frame in window.words())
        if cut is not None:
            self._open_next(cut)
        else:
            self.over = self.over or window.finished

    def send(self, pcm: NDArray[np.float32], now: float) -> None:
        """Deliver a decoded frame with the words that start in it."""
        size = len(pcm)
        words = []
        while self._words and self._words[0][1] <= self._sent:
            word, frame = self._words.popleft()
            if text := self._aligner.align(word):
                words.append(SpokenWord(text, frame * size))
        self.deliver(Speech(pcm, tuple(words)))
        self._underrun.sent(now)
        self._sent += 1
        self._unheard += 1
        self._hold()

    def _hold(self) -> None:
        self.window.held = self._unheard >= _AHEAD

    def _add(self, entries: list[Entry]) -> None:
        check_length(entries, self._bundle.config)
        self.window.add(tuple(entries))
        letters = (letter for entry in entries for letter in entry.text)
        self._has_words = self._has_words or any(map(str.isalnum, letters))

    def _open_next(self, cut: int) -> None:
        """Go on in another window at frame `cut` of this one."""
        old, tokenizer = self.window, self._bundle.tokenizer
        self._first += cut - (old.crop or 0)
        self._words = deque(word for word in self._words if word[1] < self._first)
        speakers = tokenizer.speakers if tokenizer.has_speakers else ()
        prefix, rest = old.following(cut, self._prefix, speakers)
        if self._closed and not any(entry.tokens for entry in rest):
            self.over = True
            return
        self._seed += 1
        self.window = Window(
            self._bundle.config,
            prefix,
            bos=self._bundle.tokenizer.bos,
            uniforms=self._draws(),
            sampling=self._voice_settings.sampling,
        )
        self.window.add(rest)
        if self._closed:
            self.window.machine.close()
        self._hold()

    def _draws(self) -> Tensor:
        config = self._bundle.config
        return random_numbers(self._seed, config.max_steps, config.codebooks)
