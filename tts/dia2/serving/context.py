"""A conversation's last turns as the prefix of the next reply, which goes on in their tone.

The agent speaks as `[S1]`, in the configured voice if there is one, and the user, in their own
voice, as `[S2]`. A turn is encoded as soon as it has ended, and the network is fed the conversation
up to there while nobody speaks: so a reply begins with what is in its cache already. All of it is
done in pieces, each as long as one frame or less; whoever opens an utterance meanwhile waits for
one piece, then goes on from there. Of the window, `RESERVED` steps are left for the reply, and the
oldest turns go first.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from tts.dia2.bundle import Bundle
from tts.dia2.network.delays import Codes
from tts.dia2.serving.prompt import with_tail
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.utterance import PrefilledPrefix, VoiceSettings
from tts.dia2.serving.windows import Prefix, last_frame
from tts.dia2.text.prefix import Part, frames_needed, plan
from tts.protocol import SpokenTurn, TextToSpeechError
from tts.voices.making import trim
from tts.voices.voice import Voice
from tts.voices.word import Word

RESERVED = 400
"""Steps of a window for the reply: 32 seconds; in a small window, half of it."""

_USUAL = 125  # frames that are kept free for a user's turn: 10 seconds
_PIECE = 4  # frames that are encoded at a time
_SHORT_WORD_S = 0.2

_SPEAKERS = {"agent": 0, "user": 1}


@dataclass(frozen=True, eq=False)
class _Turn:
    part: Part
    codes: Codes
    """[codebooks, part.frames]"""


class ConversationContext:
    """Holds a voice and the last turns, encoded. Not for several threads at once."""

    def __init__(self, bundle: Bundle, voice: Voice | None, turns: int) -> None:
        """`voice` comes before the turns, of which there are at most `turns`, the user's last.

        Raises TextToSpeechError if the voice is another model's.
        """
        self._bundle = bundle
        self._voice = [] if voice is None else [self._voice_turn(voice)]
        self._turns: deque[_Turn] = deque()
        self._most = turns
        last = last_frame(bundle.config)
        self._room = last - min(RESERVED, last // 2)  # frames
        self._room -= sum(turn.part.frames for turn in self._voice)
        self._encoding: deque[Iterator[None]] = deque()  # turns that have ended

    def add(self, turn: SpokenTurn) -> None:
        """Take a turn that has ended. One without words, or of nothing but silence, is left out."""
        if turn.words:
            self._encoding.append(self._encode(turn))

    def advance(self) -> bool:
        """Encode a little more, about a frame's worth of work; False if there is nothing left."""
        while self._encoding:
            try:
                next(self._encoding[0])
            except (StopIteration, TextToSpeechError):
                # Or there is nothing to be heard in it, or its words do not fit the sound.
                self._encoding.popleft()
            else:
                return True
        return False

    def prefix(self) -> Prefix:
        """Give what the next reply goes on from: the last turns, as many as there is room for."""
        while self.advance():
            pass
        bundle, turns = self._bundle, [*self._voice, *self._turns]
        if not turns:
            return Prefix.nothing(bundle.config)
        spoken = plan([turn.part for turn in turns], bundle.tokenizer, bundle.frame_rate)
        return Prefix(spoken, np.concatenate([turn.codes for turn in turns], 1))

    def _append(self, turn: _Turn) -> None:
        """One more turn; the oldest make room.

        After the agent's comes the user's, and a reply only then: what that will crowd out goes
        already now, so that the others keep their places and are in the cache by then.
        """
        self._turns.append(turn)
        agent = turn.part.speaker == _SPEAKERS["agent"]
        most = self._most - agent
        room = self._room - (min(_USUAL, self._room // 2) if agent else 0)
        frames = sum(each.part.frames for each in self._turns)
        while self._turns and (len(self._turns) > most or frames > room):
            frames -= self._turns.popleft().part.frames

    def _encode(self, turn: SpokenTurn) -> Iterator[None]:
        """Encode a turn piece by piece, and then have it among the others."""
        import soxr

        bundle = self._bundle
        # Nobody says where the last word ends; where the sound does, if that is later (`trim`).
        shortly = turn.words[-1].start + round(_SHORT_WORD_S * turn.sample_rate)
        ends = [*(word.start for word in turn.words[1:]), min(shortly, len(turn.pcm))]
        words = [
            Word(word.text, word.start / turn.sample_rate, end / turn.sample_rate)
            for word, end in zip(turn.words, ends, strict=True)
        ]
        pcm = soxr.resample(turn.pcm, turn.sample_rate, bundle.sample_rate)
        pcm, kept = trim(pcm, bundle.sample_rate, words)
        encoder, codes = bundle.mimi.encoder(), []
        size = _PIECE * bundle.mimi.frame_size
        for start in range(0, len(pcm), size):
            piece = torch.from_numpy(pcm[start : start + size]).to(bundle.mimi.device)
            codes.append(encoder.finish(piece).cpu().numpy().astype(np.int32))
            yield
        self._append(self._turn(_SPEAKERS[turn.speaker], kept, np.concatenate(codes, 1)))

    def _voice_turn(self, voice: Voice) -> _Turn:
        voice.check(self._bundle.mimi)
        return self._turn(0, voice.words, voice.codes)

    def _turn(self, speaker: int, words: tuple[Word, ...], codes: Codes) -> _Turn:
        """With enough silence at the end for every word to be taken in it."""
        bundle = self._bundle
        needed = frames_needed(words, bundle.tokenizer, speaker, bundle.frame_rate)
        codes = with_tail(codes, needed, bundle.mimi)
        return _Turn(Part(speaker, words, codes.shape[1]), codes)


class ContextPrefill:
    """Feeds the network a conversation while it is idle. Not for several threads at once."""

    def __init__(
        self,
        context: ConversationContext,
        scheduler: Scheduler,
        voice_settings: VoiceSettings,
        prefilled: PrefilledPrefix,
    ) -> None:
        """`prefilled` is what a reply goes on from before there are any turns."""
        self._context = context
        self._scheduler = scheduler
        self._voice_settings = voice_settings
        self._prefilled: PrefilledPrefix | None = prefilled

    def remember(self, turn: SpokenTurn) -> None:
        """Take a turn that has ended."""
        self._context.add(turn)
        self._prefilled = None

    def step(self) -> bool:
        """Do a piece of what is to be done; False if it is up to the scheduler's steps."""
        if self._context.advance():
            return True
        if self._prefilled is not None:
            return False
        self.prefilled()
        return True

    def prefilled(self) -> PrefilledPrefix:
        """Give what a reply that begins now goes on from: every turn; the network may be behind."""
        if self._prefilled is None:
            self._prefilled = self._scheduler.prefill_when_idle(
                self._context.prefix(), self._voice_settings
            )
        return self._prefilled
