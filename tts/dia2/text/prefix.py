"""A voice prefix on the text side: when each word of a recording is taken.

Before Dia2 speaks it is shown recordings, frame by frame, with their words at the right steps. A
plan lists the words and the steps at which the machine is made to take one (`forced`).

Every word is taken before the prefix ends, which is not so in the published runtime
(`bench.dia2_verify.published`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tts.dia2.text.script import NORMAL, Entry, encode_word
from tts.dia2.text.state_machine import StateMachine
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError
from tts.voices.word import Word

SHIFT = 3
"""Steps by which words are taken later than they are said."""

_TAIL_S = 0.6


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one speaker's recording."""

    speaker: int
    """0: `[S1]`, 1: `[S2]`."""
    words: tuple[Word, ...]
    frames: int
    """Of audio, at the codec's rate."""


@dataclass(frozen=True, slots=True)
class PrefixPlan:
    """Parts one after the other: what `StateMachine` is forced through in the prefill."""

    entries: tuple[Entry, ...]
    """To be queued before the script's."""
    new_word_steps: tuple[int, ...]
    """The step at which each entry is due."""
    frames: int
    """Of all parts: the steps of the prefill."""
    drains: bool = True
    """Whether every entry is sure to be taken at its step."""


def plan(parts: Sequence[Part], tokenizer: Tokenizer, frame_rate: float = 12.5) -> PrefixPlan:
    """Lay out `parts`, in any number and order of speakers.

    A word that would come while the one before it is still being shown is taken later, in the next
    part if need be. Words are written as in a script: a colon separates, what has no token is left
    out. Raises TextToSpeechError if the audio ends before the last word has been shown; with
    `frames_needed` frames in each part it never does.
    """
    entries: list[Entry] = []
    steps: list[int] = []
    base = free = 0
    for part in parts:
        words = _as_in_script(part.words, tokenizer)
        speaker = tokenizer.speakers[part.speaker]
        laid, at, free = lay_out(
            words, tokenizer, speaker, frame_rate, base=base + SHIFT, free=free
        )
        entries += laid
        steps += at
        base += part.frames
    if free > base:
        missing = (free - base) / frame_rate
        raise TextToSpeechError(
            f"a voice's words do not fit into its {base / frame_rate:.1f} s: "
            f"add {missing:.2f} s of silence at the end"
        )
    return PrefixPlan(tuple(entries), tuple(steps), base)


def frames_needed(
    words: Sequence[Word], tokenizer: Tokenizer, speaker: int, frame_rate: float = 12.5
) -> int:
    """Count the frames that a recording with `words` should have: pad it with silence up to this.

    Long enough for `plan` to show every word in it, and never less than 0.6 s after the last word.
    """
    words = _as_in_script(words, tokenizer)
    *_, free = lay_out(words, tokenizer, tokenizer.speakers[speaker], frame_rate, base=SHIFT)
    silent = max((word.end + _TAIL_S for word in words), default=0.0)
    return max(free, math.ceil(silent * frame_rate))


def prefill_text(machine: StateMachine, plan: PrefixPlan, step: int = 0) -> list[tuple[int, int]]:
    """Force the machine through `plan` from `step` on: what each step shows on the two streams.

    The machine's queue must hold the plan's entries, and behind them what is known of the script:
    the second stream shows the script's first words ahead of time during the last words of the
    prefix. Where one of those is not known yet the list ends early; everything up to there is the
    same for every script. Go on with `step` moved by the length of the list once there is more.
    """
    due = frozenset(plan.new_word_steps)
    shown: list[tuple[int, int]] = []
    for at in range(step, plan.frames):
        action = int(at in due)
        if not machine.ready(action, forced=True):
            return shown
        emitted = machine.process(at, action, forced=True)
        shown.append((emitted.main, emitted.second))
    if plan.drains and len(machine.consumption_times) != len(plan.entries):
        raise AssertionError("words of the voice prefix were left in the queue")
    return shown


def _as_in_script(words: Iterable[Word], tokenizer: Tokenizer) -> list[Word]:
    return [
        Word(text, word.start, word.end)
        for word in words
        for text in word.text.translate(NORMAL).split()
        if tokenizer.encode(text)
    ]


def lay_out(
    words: Sequence[Word],
    tokenizer: Tokenizer,
    speaker: int,
    frame_rate: float,
    *,
    base: int = 0,
    free: int = 0,
) -> tuple[list[Entry], list[int], int]:
    """Lay out words: entries, their steps, and the first step after the last has been shown.

    `base` is the recording's first step, `free` the first step without tokens of earlier words.
    """
    entries: list[Entry] = []
    steps: list[int] = []
    for i, word in enumerate(words):
        tokens = encode_word(tokenizer, word.text, None if i else speaker)
        start = max(free + 1, base + max(1, round(word.start * frame_rate)))
        free = start + len(tokens)
        following = words[i + 1].start if i + 1 < len(words) else word.end
        then = max(free + 1, base + round(following * frame_rate))
        entries.append(Entry(tuple(tokens), word.text, max(0, then - start - 1)))
        steps.append(start - 1)
    return entries, steps, free
