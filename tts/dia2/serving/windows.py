"""Windows: utterances longer than what the network can look back on, one window after the other.

Near the end of a window the utterance is cut at the start of a word, after a sentence if there is
one to be had. The next window starts with the same voice and with the last seconds before the cut,
as audio and words that have been said, and takes the words from the cut on. Up to the cut all
audio comes from the old window, from there on from the new one: not a frame is missing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from torch import Tensor

from tts.dia2.network.config import Dia2Config
from tts.dia2.network.delays import Codes, undelay
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.sequence import Sequence
from tts.dia2.text.prefix import PrefixPlan
from tts.dia2.text.script import Entry
from tts.protocol import TextToSpeechError

_SPAN = 80  # frames at the end of a window among which it is cut
_KEPT = 50  # frames before the cut that the next window is fed
_SENTENCE = re.compile(r"""[.!?…]["'”’)]*$""")


@dataclass(frozen=True, eq=False)
class Prefix:
    """What the network is fed before it speaks: a voice, turns, or nothing."""

    plan: PrefixPlan
    codes: Codes
    """[codebooks, plan.frames]"""
    mid_speech: bool = False
    """The last of it has been said by the utterance itself, which goes on without a gap."""

    @classmethod
    def nothing(cls, config: Dia2Config) -> Self:
        return cls(PrefixPlan((), (), 0), np.zeros((config.codebooks, 0), np.int32))

    def check(self, config: Dia2Config, frame_rate: float) -> None:
        """Raise TextToSpeechError if it leaves no room to speak."""
        longest = last_frame(config) // 2
        if self.plan.frames > longest:
            raise TextToSpeechError(
                f"the voice is {self.plan.frames / frame_rate:.0f} s long, this model can take "
                f"{longest / frame_rate:.0f} s: make one from a shorter recording"
            )


class Window(Sequence):
    """Generates after a prefix, and says where the next window should go on."""

    def __init__(
        self,
        config: Dia2Config,
        prefix: Prefix,
        *,
        bos: int,
        uniforms: Tensor,
        sampling: Sampling,
        initial_padding: int = 2,
    ) -> None:
        plan = prefix.plan if prefix.plan.frames else None
        super().__init__(
            config,
            bos=bos,
            uniforms=uniforms,
            sampling=sampling,
            initial_padding=initial_padding,
            prefix=plan,
            codes=prefix.codes if plan else None,
        )
        if prefix.mid_speech:
            self._first_word = self.start  # nothing is cropped
        self.given = prefix.plan.entries
        """All entries there were, those of the prefix first."""

    def add(self, entries: tuple[Entry, ...]) -> None:
        """Take more of the text."""
        self.given += entries
        self.machine.add(entries)

    def taken(self) -> list[tuple[Entry, int]]:
        """Pair the entries taken so far with their steps."""
        return list(zip(self.given, self.machine.consumption_times, strict=False))

    def cut(self) -> int | None:
        """Find the frame from which on another window has to speak, as soon as it is due.

        Every frame before it is complete by then, and it has not left if frames leave one by one.
        """
        last = last_frame(self.config)
        if self.cut_off is not None and self.cut_off <= self.config.max_steps:
            return None  # all of it fits in
        first = last - min(_SPAN, last // 3)
        if self.complete <= first:
            return None
        taken = [(entry, step) for entry, step in self.taken() if entry.tokens]
        before = [None, *(entry for entry, _ in taken)]
        places = [
            (step, previous is not None and bool(_SENTENCE.search(previous.text)))
            for previous, (_, step) in zip(before, taken, strict=False)
            if first <= step <= last
        ]
        for step, after_sentence in places:
            if step < self.complete and (after_sentence or step == places[-1][0]):
                return step
        return last if self.finished else None

    def following(
        self, cut: int, prefix: Prefix, speakers: tuple[int, ...]
    ) -> tuple[Prefix, tuple[Entry, ...]]:
        """Give the prefix of a window that goes on at frame `cut`, and the text left for it.

        `prefix` is the utterance's own; `speakers` are the ids of the speaker tags, if any.
        """
        voice = prefix.plan.frames
        start = max(voice, cut - min(_KEPT, (last_frame(self.config) - voice) // 4))
        taken = self.taken()
        said = sum(step < cut for _, step in taken)
        kept = [i for i in range(said) if taken[i][0].tokens and taken[i][1] > start]
        entries = [taken[i][0] for i in kept]
        steps = [taken[i][1] for i in kept]
        if kept:
            # The first word is taken a step early, which leaves one for its speaker's tag.
            start = steps[0] = steps[0] - 1
            entries[0] = self._tagged(kept[0], speakers)
        codes = undelay(self.grid, self.config.delays, start, cut)
        plan = PrefixPlan(
            (*prefix.plan.entries, *entries),
            (*prefix.plan.new_word_steps, *(step - start + voice for step in steps)),
            voice + codes.shape[1],
        )
        known = np.concatenate((prefix.codes, codes), 1)
        return Prefix(plan, known, mid_speech=True), self.given[said:]

    def _tagged(self, number: int, speakers: tuple[int, ...]) -> Entry:
        """Entry `number` with its speaker's tag in front."""
        entry = self.given[number]
        tags = [t for each in self.given[: number + 1] for t in each.tokens if t in speakers]
        if not tags or entry.tokens[0] in speakers:
            return entry
        return replace(entry, tokens=(tags[-1], *entry.tokens))


def check_length(entries: Iterable[Entry], config: Dia2Config) -> None:
    """Raise TextToSpeechError if a word is so long that a window has no room for it."""
    for entry in entries:
        if len(entry.tokens) > config.max_steps // 4:
            raise TextToSpeechError(
                f"a word of {len(entry.text)} letters ({entry.text[:20]}…) is too long to be "
                "spoken: put spaces into it"
            )


def last_frame(config: Dia2Config) -> int:
    """Number the frame after the last that a window can complete."""
    return config.max_steps + 1 - config.max_delay
