"""What an utterance gives its listener: apart, for on a GPU machine there may be no anyio."""

from tts.protocol import Speech, TextToSpeechError

Item = Speech | TextToSpeechError | None
"""A piece of speech, or how the utterance ended."""
