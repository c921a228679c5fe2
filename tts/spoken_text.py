"""Text on its way to a voice: cleaned, and written out in the voice's language."""

from collections.abc import Iterator, Sequence

from tts.clean import SpeechText
from tts.normalise import normaliser
from tts.protocol import ExpressiveSpeech, SpokenWord, TextToSpeech, VoiceOfLanguage

PIECE = 100
"""Characters prepared at once: between two pieces the event loop may do something else (P2)."""


class SpokenText:
    """One text for a voice, in fragments as a language model emits them.

    It keeps what was written beside what is spoken: of "$5" the voice says "five dollars", and
    when that has been heard, "$5" has.
    """

    def __init__(self, tts: TextToSpeech) -> None:
        self._cleaner = SpeechText(sounds=tts.sounds if isinstance(tts, ExpressiveSpeech) else ())
        language = tts.language if isinstance(tts, VoiceOfLanguage) else None
        self._normaliser = normaliser(language)

    @property
    def written(self) -> str:
        """All that is to be spoken so far, as it was written, without markup."""
        return self._normaliser.record.written

    @property
    def spoken(self) -> str:
        """The same as the voice is given it."""
        return self._normaliser.record.spoken

    def feed(self, fragment: str) -> Iterator[str]:
        """Take more of the text; what the voice can be given now, piece by piece, some empty."""
        for start in range(0, len(fragment), PIECE):
            yield self._normaliser.feed(self._cleaner.feed(fragment[start : start + PIECE]))

    def finish(self) -> str:
        """End the text; the rest of what the voice is given."""
        return self._normaliser.feed(self._cleaner.finish()) + self._normaliser.finish()

    def split(self, heard: Sequence[SpokenWord]) -> tuple[str, str]:
        """Split what was written into what was heard and what was not, by the words heard."""
        return self._normaliser.record.split(heard)
