"""From sound that a Whisper model has encoded to words: greedy, by a beam, or sampled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from stt.hallucinations import MAX_CHAR_RATE, Hypothesis, decoding_fault
from stt.protocol import Word

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

BEAM = 5
"""Texts that a final one is chosen from, as many as in faster-whisper."""

STEP, DRAFT_STEP, TOKEN_RATE = 32, 8, 10
"""Tokens that are generated between two looks whether to go on: of a final text, at least, and of a
draft; and those of a final text for each second, which hardly anybody says. Each look costs the
decoder a pass over all it has written.
"""

MAX_TOKENS, MARGIN = 224, 20
"""Tokens at most, as Whisper was trained; characters besides those that fit into the time."""

PUNCTUATION = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it, and to the word before it."""


@dataclass(slots=True)
class _Sequence:
    """The tokens generated so far; `score` is the sum of their log-probabilities."""

    tokens: list[int]
    score: float = 0.0
    no_speech: float = 0.0
    ended: bool = False


class Writer:
    """Writer of a loaded model, without time stamps; what it does blocks."""

    def __init__(
        self, model: "WhisperModel", *, task: str, temperatures: tuple[float, ...]
    ) -> None:
        """`task`: transcribe or translate. `temperatures`: see `Decoder`."""
        self._model = model
        self._task = task
        self._temperatures = temperatures
        self._prepared = cache(self._prepare)

    def tokenizer(self, language: str) -> "Tokenizer":
        """The tokenizer for a language."""
        return self._prepared(language)[0]

    def write(
        self,
        encoded: Any,
        frames: int,
        language: str,
        *,
        told: Sequence[int] = (),
        beam: int = 1,
        wanted: Callable[[], bool] | None = None,
    ) -> Hypothesis | None:
        """Write what is heard in the first `frames`, with the tokens `told` before.

        `beam`: texts that are weighed side by side. With `wanted` it is a draft; None if it is not
        wanted any more.
        """
        tokenizer, suppressed, sequence_start = self._prepared(language)
        prompt = [*told, *sequence_start]
        step = max(STEP, TOKEN_RATE * frames // 100) if wanted is None else DRAFT_STEP
        # What the model holds, and what anybody can say in the time.
        limit = min(MAX_TOKENS, self._model.max_length - len(prompt))
        most_characters = MARGIN + MAX_CHAR_RATE * frames / 100
        for temperature in self._temperatures:
            sampling = {
                "suppress_tokens": suppressed,
                "beam_size": 1 if temperature else beam,
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
                ended=sequence.ended,
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

    def times(
        self, encoded: Any, frames: int, language: str, tokens: Sequence[int]
    ) -> tuple[Word, ...]:
        """Align the words in time by the attention that the decoder gave the sound."""
        from faster_whisper.transcribe import merge_punctuations

        if not tokens:
            return ()
        (words,) = self._model.find_alignment(
            self.tokenizer(language), [list(tokens)], encoded, frames
        )
        merge_punctuations(words, *PUNCTUATION)
        end = frames / 100
        return tuple(
            Word(word["word"].strip(), min(float(word["start"]), end), min(float(word["end"]), end))
            for word in words
            if word["word"].strip()
        )

    def _prepare(self, language: str) -> tuple["Tokenizer", list[int], list[int]]:
        """The tokenizer for a language, the tokens never to be generated, and the prompt."""
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        multilingual = self._model.model.is_multilingual
        tokenizer = Tokenizer(
            self._model.hf_tokenizer, multilingual, task=self._task, language=language
        )
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        return tokenizer, list(get_suppressed_tokens(tokenizer, [-1])), prompt
