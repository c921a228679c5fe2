"""Decoding with a Whisper model: what blocks, and runs in a worker thread.

faster-whisper pads everything to 30 seconds. Up to that length, this calls CTranslate2 itself,
with as much padding as the words need: most of an utterance's time is the encoder's. What is
written of such a trimmed window, greedily, has to be borne out: by its probability, or else by a
beam, which writes the same. Otherwise all of the window is encoded, and read by the beam.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stt.hallucinations import (
    REPEATED_UNSURE,
    Hypothesis,
    decoding_fault,
    normalized,
    repetitions,
)
from stt.protocol import Word
from stt.vad import SAMPLE_RATE
from stt.whisper.hotwords import MAX_TOKENS as MAX_LIST
from stt.whisper.hotwords import Hotwords
from stt.whisper.writing import BEAM, Writer

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_log = logging.getLogger(__name__)

WINDOW = 3000
"""Frames (10 ms each) that the model encodes at once."""

MIN_WINDOW, TAIL, WINDOW_STEP = 800, 260, 100
"""Frames of a trimmed window: at least; after the sound; and the multiple it is rounded to.

With less, Whisper begins to repeat itself.
"""

LONGEST_TRIMMED = 2200
"""Frames of the longest window that is trimmed. A longer one would save too little to pay for those
that have to be decoded again in full.
"""

SURE, UNSURE = -0.2, -0.6
"""Log-probability per token from which on a trimmed window is enough to go by, and below which it
is not, for it may have lost a word. With these, people's words are as well understood as of whole
windows, clean, at 10 dB and × 1.3, for a third of the work.
"""


class Decoder:
    """Decoder of a loaded model."""

    def __init__(
        self,
        model: "WhisperModel",
        *,
        trim: bool = True,
        temperatures: tuple[float, ...] = (0.0,),
        hotwords: Sequence[str] = (),
        word_times: bool = False,
        any_language: bool = False,
        translate: bool = False,
    ) -> None:
        """`temperatures`: of sampling, tried in order while a hypothesis looks wrong.

        `any_language`: what is spoken may be another language than it is told, and the
        hypotheses say how probable theirs is. `translate`: what is written is English.
        """
        self._model = model
        self._trim = trim
        self._temperatures = temperatures
        self._hotwords = Hotwords(hotwords)
        self._word_times = word_times
        self._any_language = any_language
        self._task = "translate" if translate else "transcribe"
        self._writer = Writer(model, task=self._task, temperatures=temperatures)
        self._list = self._told()

    @property
    def languages(self) -> Sequence[str]:
        """The languages that the model knows, as codes."""
        languages: Sequence[str] = self._model.supported_languages
        return languages

    @property
    def hotwords(self) -> Sequence[str]:
        """What it is told to expect."""
        return self._hotwords.words

    def adjusted(self, **options: Any) -> "Decoder":
        """Return one of the same model with other options: those of the constructor."""
        own = {
            "trim": self._trim,
            "temperatures": self._temperatures,
            "hotwords": self._hotwords.words,
            "word_times": self._word_times,
            "any_language": self._any_language,
        }
        return Decoder(self._model, **{**own, **options})

    def decode(
        self,
        pcm: NDArray[np.float32],
        language: str | None,
        wanted: Callable[[], bool] | None = None,
    ) -> list[Hypothesis]:
        """Decode float32 [n] at 16 kHz: a hypothesis, or one for each part of a long sound.

        `language` None: detect it. With `wanted` it is a draft: decoded once, whatever it looks
        like, and given up (no hypothesis) as soon as it is not wanted any more. Raises
        RuntimeError when the device fails.
        """
        if len(pcm) > WINDOW * SAMPLE_RATE // 100:
            return self._decode_long(pcm, language)
        hypothesis = self._decode_short(pcm, language, wanted)
        return [hypothesis] if hypothesis and hypothesis.text else []

    def _decode_short(
        self,
        pcm: NDArray[np.float32],
        language: str | None,
        wanted: Callable[[], bool] | None = None,
    ) -> Hypothesis | None:
        """Decode up to a window, trimmed if that will do; None if not wanted any more."""
        features = self._model.feature_extractor(pcm)[:, :WINDOW]
        size = window_size(features.shape[1]) if self._trim else WINDOW
        hypothesis = self._decode_window(features, size, language, wanted)
        if hypothesis is None and wanted is None:
            hypothesis = self._decode_window(features, WINDOW, language)
        return hypothesis

    def _decode_window(
        self,
        features: NDArray[np.float32],
        size: int,
        language: str | None,
        wanted: Callable[[], bool] | None = None,
    ) -> Hypothesis | None:
        """Decode a window of a size; None if not wanted any more, or not borne out by so little."""
        frames = features.shape[1]
        encoded = self._model.encode(np.pad(features, ((0, 0), (0, size - frames))))
        probability = 1.0
        if self._model.model.is_multilingual and (language is None or self._any_language):
            detected = self._model.model.detect_language(encoded)[0]
            language = language or detected[0][0][2:-2]
            probability = dict(detected)[f"<|{language}|>"]
        sound = (encoded, frames, language or "en")
        if wanted is not None:
            draft = self._writer.write(*sound, wanted=wanted)
            return draft and replace(draft, language_probability=probability)
        beam = BEAM if size == WINDOW else 1
        plain = hypothesis = self._writer.write(*sound, beam=beam)
        if plain and self._list:
            hypothesis = self._with_list(plain, *sound, beam)
        if hypothesis is None or (
            size < WINDOW
            and not self._borne_out(hypothesis, *sound, listed=hypothesis is not plain)
        ):
            return None
        words = self._writer.times(*sound, hypothesis.tokens) if self._word_times else ()
        return replace(hypothesis, language_probability=probability, words=words)

    def _borne_out(
        self, hypothesis: Hypothesis, encoded: Any, frames: int, language: str, *, listed: bool
    ) -> bool:
        """Whether a trimmed window is enough to go by. `listed`: hot words were borne out."""
        if (
            decoding_fault(hypothesis) is not None
            or repetitions(hypothesis.tokens) >= REPEATED_UNSURE
            or _doubled(hypothesis.text)
            or hypothesis.log_probability < UNSURE
        ):
            return False
        # That nothing was said is nothing a beam can say.
        if listed or not hypothesis.text or hypothesis.log_probability >= SURE:
            return True
        other = self._writer.write(encoded, frames, language, beam=BEAM)
        return other is not None and _letters(other.text) == _letters(hypothesis.text)

    def _with_list(
        self, plain: Hypothesis, encoded: Any, frames: int, language: str, beam: int
    ) -> Hypothesis:
        """Decode again, told the hot words; `plain` if the sound does not bear them out."""
        told = self._writer.write(encoded, frames, language, told=self._list, beam=beam)
        if told is None or not self._hotwords.count(told.text):
            return plain
        start = self._writer.tokenizer(language).sot_sequence
        aligned = self._model.model.align(encoded, start, [list(told.tokens)], frames)
        score = float(np.log(np.maximum(aligned[0].text_token_probs, 1e-9)).sum())
        plain_score = plain.log_probability * (len(plain.tokens) + 1)
        if not self._hotwords.explained(told.text, score, plain.text, plain_score):
            return plain
        # Told of anything at all, Whisper takes everything for speech.
        return replace(told, no_speech=plain.no_speech)

    def _decode_long(self, pcm: NDArray[np.float32], language: str | None) -> list[Hypothesis]:
        """Decode by windows with time stamps: the next begins where the last sentence ended."""
        segments, info = self._model.transcribe(
            pcm,
            language=language,
            task=self._task,
            beam_size=BEAM,
            temperature=self._temperatures,
            condition_on_previous_text=False,
            hotwords=self._model.hf_tokenizer.decode(self._list[1:]) or None,
            word_timestamps=self._word_times,
        )
        hypotheses = []
        for segment in segments:
            hypothesis = Hypothesis(
                text=segment.text.strip(),
                tokens=tuple(segment.tokens),
                log_probability=segment.avg_logprob,
                no_speech=segment.no_speech_prob,
                language=info.language,
                language_probability=info.language_probability,
                words=tuple(
                    Word(word.word.strip(), float(word.start), float(word.end))
                    for word in segment.words or ()
                ),
            )
            if self._hotwords.count(hypothesis.text):
                start, end = (round(at * SAMPLE_RATE) for at in (segment.start, segment.end))
                hypothesis = self._checked(hypothesis, pcm[start:end], segment.start)
            hypotheses.append(hypothesis)
        return hypotheses

    def _checked(self, told: Hypothesis, pcm: NDArray[np.float32], start: float) -> Hypothesis:
        """Decode a segment with hot words by itself, which tells whether the sound has them."""
        alone = self._decode_short(pcm, told.language)
        if alone is None or self._hotwords.count(alone.text) >= self._hotwords.count(told.text):
            return told
        words = tuple(Word(w.text, start + w.start, start + w.end) for w in alone.words)
        return replace(alone, language_probability=told.language_probability, words=words)

    def _told(self) -> list[int]:
        """The tokens that tell the hot words, as many as are told."""
        if not self._hotwords:
            return []
        tokenizer = self._writer.tokenizer("en")
        tokens = tokenizer.encode(self._hotwords.prompt())
        if len(tokens) > MAX_LIST:
            kept = tokenizer.decode(tokens[:MAX_LIST]).split()
            _log.warning(
                "whisper listens for the hot words up to '%s' (%d of %d tokens): put the most "
                "important first",
                kept[-2] if len(kept) > 1 else kept[-1],
                MAX_LIST,
                len(tokens),
            )
        return [tokenizer.sot_prev, *tokens[:MAX_LIST]]


def window_size(frames: int) -> int:
    """Return the frames of the encoder's window for a sound of so many frames."""
    size = max(MIN_WINDOW, frames + TAIL)
    size += -size % WINDOW_STEP
    return size if size <= LONGEST_TRIMMED else WINDOW


def _doubled(text: str) -> bool:
    """Whether it ends in the same three words or more twice, as it may for want of padding."""
    words = normalized(text).split()
    return any(words[-n:] == words[-2 * n : -n] for n in range(3, len(words) // 2 + 1))


def _letters(text: str) -> str:
    return normalized(text).replace(" ", "")
