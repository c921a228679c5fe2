"""The state machine between the network's action and the two text streams.

At every step the network says "new word" or "nothing" (pad); the machine holds it back or forces
it, takes words from its queue, and says which text token each stream shows next. Nothing else in
Dia2 depends on text that is still to come, so this is also where a stream of text waits: `ready`.
"""

import copy
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Self

from tts.dia2.text.script import Entry


@dataclass(frozen=True, slots=True)
class Emitted:
    """What a step shows on the two text streams, and the entry it took."""

    main: int
    second: int
    consumed: Entry | None


class StateMachine:
    """Tracks the text of one utterance. A copy (`copy.copy`) goes on independently."""

    def __init__(
        self,
        new_word: int,
        pad: int,
        ahead: int,
        initial_padding: int = 2,
        max_padding: int = 6,
    ) -> None:
        """`new_word` and `pad` are text ids, `ahead` the words the second stream looks ahead."""
        self._new_word = new_word
        self._pad = pad
        self._ahead = ahead
        self._max_padding = max_padding
        self.queue: deque[Entry] = deque()
        self.closed = False
        self.padding_budget = initial_padding
        """Steps that may still pass without a new word before one is forced."""
        self.forced_padding = initial_padding
        """Steps that must pass before a new word is allowed."""
        self.pending: deque[int] = deque()
        """The current word's tokens that have not been shown."""
        self.lookahead: deque[int] = deque()
        """The same of the words that the second stream shows ahead."""
        self.end_step: int | None = None
        """The step at which a new word was due and the text had ended."""
        self.transcript: list[tuple[str, int]] = []
        """Words, and the step that took each."""
        self.consumption_times: list[int] = []
        """The step that took each entry, pauses included."""

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, deque | list) else value)
        return other

    def add(self, entries: Iterable[Entry]) -> None:
        """Take more of the text."""
        self.queue.extend(entries)

    def close(self) -> None:
        """Take the end of the text."""
        self.closed = True

    def ready(self, raw: int, *, forced: bool = False) -> bool:
        """Say whether `process` with this action would do the same if the whole text were known.

        A step that takes a word needs it, and `ahead` more words, or the end of the text.
        """
        if self._constrain(raw, forced=forced) != self._new_word or self.closed:
            return True
        if not self.queue:
            return False
        if not self.queue[0].tokens or not self._ahead:
            return True
        return self._word_ahead(start=1) is not None

    def answers(self, actions: int) -> list[tuple[int, int]] | None:
        """Say what the streams would show after each action; None if one of them must wait.

        Nothing changes. Mostly a step is forced, and all answers are the same.
        """
        answers: list[tuple[int, int]] = []
        found: dict[int, tuple[int, int]] = {}
        for raw in range(actions):
            action = self._constrain(raw, forced=False)
            if action not in found:
                if not self.ready(raw):
                    return None
                shown = copy.copy(self).process(0, raw)
                found[action] = (shown.main, shown.second)
            answers.append(found[action])
        return answers

    def process(self, step: int, raw: int, *, forced: bool = False) -> Emitted:
        """Do a step: `raw` is the drawn action, 0 (pad), 1 (new word) or their text ids.

        `forced` lifts the limits between words (for a voice prefix, or to pause); only a word that
        is still being shown is not interrupted. Only when `ready`: RuntimeError otherwise.
        """
        if not self.ready(raw, forced=forced):
            raise RuntimeError("a word is due that has not arrived")
        action = self._constrain(raw, forced=forced)
        consumed = None
        if action == self._new_word:
            action, consumed = self._new_entry(step)
        if action == self._new_word:
            shown = self._new_word
        else:
            self.padding_budget = max(0, self.padding_budget - 1)
            self.forced_padding = max(0, self.forced_padding - 1)
            shown = self._next(self.pending)
        if not self._ahead:
            return Emitted(shown, shown, consumed)
        if shown == self._new_word:  # a word's own token may have this id: it acts the same
            return Emitted(self._next(self.pending), shown, consumed)
        return Emitted(shown, self._next(self.lookahead), consumed)

    def _constrain(self, raw: int, *, forced: bool) -> int:
        wanted = {0: self._pad, 1: self._new_word}.get(raw, raw)
        if wanted != self._new_word or self.pending:
            wanted = self._pad
        if forced or self.pending:
            return wanted
        if self.forced_padding > 0:
            return self._pad
        return self._new_word if self.padding_budget <= 0 else wanted

    def _new_entry(self, step: int) -> tuple[int, Entry | None]:
        """Take the next entry: the action it leaves, and the entry."""
        if not self.queue:
            first = self.end_step is None
            if first:
                self.end_step = step
            return (self._new_word if first and self._ahead else self._pad), None
        entry = self.queue.popleft()
        self.consumption_times.append(step)
        self.forced_padding = entry.padding
        if not entry.tokens:
            return self._pad, entry
        self.transcript.append((entry.text, step))
        self.pending.extend(entry.tokens)
        self.padding_budget = self._max_padding
        if self._ahead and (word := self._word_ahead(start=0)):
            self.lookahead.extend(word.tokens)
        return self._new_word, entry

    def _word_ahead(self, start: int) -> Entry | None:
        """The `ahead`-th word in the queue from `start` on; pauses do not count."""
        words = (entry for entry in islice(self.queue, start, None) if entry.tokens)
        return next(islice(words, self._ahead - 1, None), None)

    def _next(self, tokens: deque[int]) -> int:
        return tokens.popleft() if tokens else self._pad
