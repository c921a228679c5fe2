"""An utterance on the engine's thread: text in, takes to be stepped, sound out as it is made."""

import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from tts.dia.bundle import LARGEST_SEED, Bundle
from tts.dia.network.delays import Codes
from tts.dia.network.sampling import Sampling
from tts.dia.serving.prompt import Prompt
from tts.dia.serving.sound import TakeSound
from tts.dia.take import Take
from tts.dia.text.pieces import LONGEST_WITH_PROMPT, Gatherer, Pace, Piece
from tts.dia.text.reader import Reader
from tts.protocol import Speech
from tts.transformer.item import Item

AHEAD_S = 10.0
"""Seconds of sound that the listener may have before them when the next take begins."""
LONGEST_FIRST = 10.0
"""Seconds of the first piece where there is no voice: it is the prompt of the others."""
PROMPT_S = 15.0
"""Seconds of what was said that may be the prompt of what follows."""
SLACK, SLACK_S = 2.0, 3.0
"""A take ends after the estimate times this, and so many seconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Spoken:
    """A piece that has been spoken."""

    piece: Piece
    codes: Codes
    """[frames, codebooks], also those whose sound was left out."""
    start: int
    """Its first sample."""
    end: int


@dataclass(frozen=True)
class VoiceSettings:
    """How every utterance of an engine is spoken."""

    sampling: Sampling
    seed: int | None = None


class UtteranceState:
    """Keeps an utterance's state: its text, the take it is at, and what has left of it."""

    def __init__(
        self,
        dia: Bundle,
        settings: VoiceSettings,
        prompt: Prompt | None,
        deliver: Callable[[Item], None],
        *,
        script: bool = False,
    ) -> None:
        """`deliver` takes the speech, and at last None or an error; it must not wait.

        `script`: the text was written for Dia, and may be refused.
        """
        self.deliver = deliver
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self.take: Take | None = None
        """What is spoken now."""
        self.spoken: list[Spoken] = []
        self._said = 0.0  # seconds of speech of the pieces that are over, by estimate
        self._dia, self._settings, self._prompt = dia, settings, prompt
        self._has_voice = prompt is not None
        self._reader = Reader(script=script, renumber=prompt is None)
        self._pace = Pace()
        self._gatherer = Gatherer(self._pace)
        self._piece: Piece | None = None
        self._again = False  # whether the piece is spoken for the second time
        self._sound: TakeSound | None = None
        self._takes = 0
        self._given = 0  # samples
        self._begun = 0  # of them, before the take it is at
        self._unheard: deque[int] = deque()  # samples of the pieces of speech not taken

    def feed(self, text: str) -> None:
        """Take more text. Raises TextToSpeechError as `Reader` does."""
        self._gatherer.add(self._reader.feed(text))

    def finish(self) -> None:
        """Take the end of the text. Raises TextToSpeechError as `Reader` does."""
        self._gatherer.finished = True
        self._gatherer.add(self._reader.finish())

    def heard(self) -> None:
        """Note that the listener has taken a piece of speech."""
        self._unheard.popleft()

    @property
    def over(self) -> bool:
        """Whether all of the text has come and been spoken."""
        return self._gatherer.finished and self._piece is None and self._gatherer.empty

    @property
    def progress(self) -> tuple[float, float]:
        """Seconds of speech that are done, and that there will be, by estimate."""
        now = 0.0 if self._piece is None else self._pace.seconds(self._piece.text)
        done = 0.0 if self.take is None else self.take.frames_known / self._dia.frame_rate
        return self._said + min(done, now), self._said + now + self._gatherer.left

    def begin_take(self) -> Take | None:
        """Give the next take, if it is time for it. Raises TextToSpeechError."""
        if self.take is not None or sum(self._unheard) > AHEAD_S * self._dia.sample_rate:
            return None
        self._piece = self._piece or self._next_piece()
        if self._piece is None:
            return None
        dia, piece, prompt = self._dia, self._piece, self._prompt
        expected = self._pace.seconds(piece.text)
        self.take = dia.take(
            piece.written(None if prompt is None else prompt.said.last),
            prompt=None if prompt is None else prompt.codes,
            prompt_text="" if prompt is None else prompt.said.tagged(),
            sampling=self._settings.sampling,
            seed=(self.seed + self._takes) % (LARGEST_SEED + 1),
            longest=round((SLACK * expected + SLACK_S) * dia.frame_rate),
        )
        self._takes += 1
        self._begun = self._given
        pace = self._pace.seconds(" ") * dia.sample_rate
        self._sound = TakeSound(dia.codec, piece.text, expected, pace)
        return self.take

    def collect(self) -> None:
        """Deliver what the take's last step has made certain."""
        take, sound = self.take, self._sound
        if take is None or sound is None:
            return
        self._send(sound.add(take.frames(), last=take.finished))
        if take.finished:
            self._end_take(take, heard=sound.heard)

    def _next_piece(self) -> Piece | None:
        prompt, config = self._prompt, self._dia.config
        longest = LONGEST_FIRST if prompt is None else LONGEST_WITH_PROMPT
        before = 0 if prompt is None else len(prompt.said.tagged())
        return self._gatherer.take(longest, config.max_text - before - 8)

    def _end_take(self, take: Take, *, heard: bool) -> None:
        """Begin again where nothing came, once; else learn from what did."""
        piece, self.take, self._sound = self._piece, None, None
        assert piece is not None
        if not heard and not self._again:
            self._again = True
            return
        if not heard:
            _log.warning("Dia made no sound of '%s', twice: it is left out", piece.text[:60])
        self.spoken.append(Spoken(piece, take.codes, self._begun, self._given))
        seconds = len(take.codes) / self._dia.frame_rate
        if take.cut:
            _log.warning("Dia went on for %.0f s at '%s', and was ended", seconds, piece.text[:60])
        elif heard:
            self._pace.learn(piece.text, seconds)
            self._keep_as_prompt(take, piece)
        self._said += self._pace.seconds(piece.text)
        self._piece, self._again = None, False

    def _keep_as_prompt(self, take: Take, piece: Piece) -> None:
        """Without a voice what was said first holds it, of each speaker."""
        if self._has_voice:
            return
        if self._prompt is None:
            self._prompt = Prompt(take.codes, piece)
        elif piece.speakers - self._prompt.said.speakers:
            longer = self._prompt.then(take.codes, piece)
            if len(longer.codes) <= PROMPT_S * self._dia.frame_rate:
                self._prompt = longer

    def _send(self, speech: Speech) -> None:
        if not len(speech.pcm):
            return
        words = tuple(replace(word, start=word.start + self._begun) for word in speech.words)
        self._unheard.append(len(speech.pcm))
        self._given += len(speech.pcm)
        self.deliver(Speech(speech.pcm, words))
