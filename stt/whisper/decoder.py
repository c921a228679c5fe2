"""Greedy decoding with a Whisper model: what blocks, and runs in a worker thread.

faster-whisper pads everything to 30 seconds. Up to that length, this calls CTranslate2 itself,
with as much padding as the words need: most of an utterance's time is the encoder's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stt.hallucinations import MAX_CHAR_RATE, Hypothesis, decoding_fault
from stt.protocol import Word
from stt.vad import SAMPLE_RATE

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

WINDOW = 3000
"""Frames (10 ms each) that the model encodes at once."""

MIN_WINDOW, TAIL, WINDOW_STEP = 800, 260, 100
"""Frames of a trimmed window: at least; after the sound; and the multiple it is rounded to.

With less, Whisper begins to repeat itself.
"""

STEP, DRAFT_STEP = 32, 8
"""Tokens that are generated between two looks whether to go on: of a final text, and of a draft."""

MAX_TOKENS, MARGIN = 224, 20
"""Tokens at most, as Whisper was trained; characters besides those that fit into the time."""

MAX_PROMPT = 223
"""Tokens of a prompt at most: half of what the decoder holds."""

PUNCTUATION = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it, and to the word before it."""


@dataclass(slots=True)
class _Sequence:
    """The tokens generated so far; `score` is the sum of their log-probabilities."""

    tokens: list[int]
    score: float = 0.0
    no_speech: float = 0.0
    ended: bool = False


class Decoder:
    """Decoder of a loaded model: greedy, or sampled at temperatures, without time stamps."""

    def __init__(
        self,
        model: "WhisperModel",
        *,
        trim: bool = True,
        temperatures: tuple[float, ...] = (0.0,),
        hotwords: str = "",
        word_times: bool = False,
    ) -> None:
        """`temperatures`: of sampling, tried in order while a hypothesis looks wrong."""
        self._model = model
        self._trim = trim
        self._temperatures = temperatures
        self._hotwords = hotwords
        self._word_times = word_times
        self._tokenizer = cache(self._make_tokenizer)

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
        features = self._model.feature_extractor(pcm)[:, :WINDOW]
        size = window_size(features.shape[1]) if self._trim else WINDOW
        hypothesis = self._decode_window(features, size, language, wanted)
        if hypothesis and wanted is None and size < WINDOW and decoding_fault(hypothesis):
            hypothesis = self._decode_window(features, WINDOW, language)
        return [hypothesis] if hypothesis and hypothesis.text else []

    def _decode_window(
        self,
        features: NDArray[np.float32],
        size: int,
        language: str | None,
        wanted: Callable[[], bool] | None = None,
    ) -> Hypothesis | None:
        frames = features.shape[1]
        encoded = self._model.encode(np.pad(features, ((0, 0), (0, size - frames))))
        probability = 1.0
        if language is None and self._model.model.is_multilingual:
            token, probability = self._model.model.detect_language(encoded)[0][0]
            language = token[2:-2]
        tokenizer, suppressed, prompt = self._tokenizer(language or "en")
        step = STEP if wanted is None else DRAFT_STEP
        # What the model holds, and what anybody can say in the time.
        limit = min(MAX_TOKENS, self._model.max_length - len(prompt))
        most_characters = MARGIN + MAX_CHAR_RATE * frames / 100
        for temperature in self._temperatures:
            sampling = {
                "suppress_tokens": suppressed,
                "sampling_topk": 0 if temperature else 1,
                "sampling_temperature": temperature or 1.0,
            }
            sequence = _Sequence([])
            while not sequence.ended and (count := len(sequence.tokens)) < limit:
                if len(tokenizer.decode(sequence.tokens)) > most_characters:
                    break
                if wanted is not None and not wanted():
                    return None
                self._generate(sequence, encoded, prompt, sampling, min(count + step, limit))
            hypothesis = Hypothesis(
                text=tokenizer.decode(sequence.tokens).strip(),
                tokens=tuple(sequence.tokens),
                log_probability=sequence.score / (len(sequence.tokens) + 1),
                no_speech=sequence.no_speech,
                language=tokenizer.language_code,
                language_probability=probability,
                ended=sequence.ended,
                words=() if wanted else self._words(tokenizer, sequence.tokens, encoded, frames),
            )
            if wanted or (hypothesis.log_probability > -1 and not decoding_fault(hypothesis)):
                break
        return hypothesis

    def _generate(
        self,
        sequence: _Sequence,
        encoded: Any,
        prompt: list[int],
        sampling: dict[str, Any],
        most: int,
    ) -> None:
        """Go on with a sequence until its end, or until it has `most` tokens."""
        (result,) = self._model.model.generate(
            encoded,
            [[*prompt, *sequence.tokens]],
            beam_size=1,
            # Of this, CTranslate2 gives at most half to the text.
            max_length=max(2 * most, len(prompt) + most),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=not sequence.tokens,
            **sampling,
        )
        # What was given is there again, but its probability is not.
        sequence.tokens = result.sequences_ids[0]
        sequence.score += result.scores[0] * len(sequence.tokens)
        sequence.no_speech = result.no_speech_prob
        sequence.ended = len(sequence.tokens) < most

    def _decode_long(self, pcm: NDArray[np.float32], language: str | None) -> list[Hypothesis]:
        """Decode by windows with time stamps: the next begins where the last sentence ended."""
        segments, info = self._model.transcribe(
            pcm,
            language=language,
            beam_size=1,
            temperature=self._temperatures,
            condition_on_previous_text=False,
            hotwords=self._hotwords or None,
            word_timestamps=self._word_times,
        )
        return [
            Hypothesis(
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
            for segment in segments
        ]

    def _make_tokenizer(self, language: str) -> tuple["Tokenizer", list[int], list[int]]:
        """The tokenizer for a language, the tokens never to be generated, and the prompt."""
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        multilingual = self._model.model.is_multilingual
        tokenizer = Tokenizer(
            self._model.hf_tokenizer, multilingual, task="transcribe", language=language
        )
        prompt: list[int] = []
        if self._hotwords:
            prompt = [tokenizer.sot_prev, *tokenizer.encode(f" {self._hotwords}")[:MAX_PROMPT]]
        prompt += [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        return tokenizer, list(get_suppressed_tokens(tokenizer, [-1])), prompt

    def _words(
        self, tokenizer: "Tokenizer", tokens: list[int], encoded: Any, frames: int
    ) -> tuple[Word, ...]:
        """Align the words in time by the attention that the decoder gave the sound."""
        if not self._word_times or not tokens:
            return ()
        from faster_whisper.transcribe import merge_punctuations

        (words,) = self._model.find_alignment(tokenizer, [tokens], encoded, frames)
        merge_punctuations(words, *PUNCTUATION)
        end = frames / 100
        return tuple(
            Word(word["word"].strip(), min(float(word["start"]), end), min(float(word["end"]), end))
            for word in words
            if word["word"].strip()
        )


def window_size(frames: int) -> int:
    """Return the frames of the encoder's window for a sound of so many frames."""
    size = max(MIN_WINDOW, frames + TAIL)
    return min(WINDOW, size + -size % WINDOW_STEP)
