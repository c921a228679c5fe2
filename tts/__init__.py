"""Text to speech: a module or a folder for each engine, and the protocol that all of them have."""

from tts.protocol import (
    ConversationalSpeech,
    ExpressiveSpeech,
    Heard,
    Speech,
    SpokenWord,
    TextToSpeech,
    TextToSpeechError,
    Utterance,
)

ENGINES = {
    "command": "tts.command:Command",
    "dia2": "tts.dia2.engine:Dia2Speech",
    "espeak": "tts.espeak:Espeak",
}
"""Built-in engines by name; other packages add theirs as entry points of group `parley.tts`."""

__all__ = [
    "ENGINES",
    "ConversationalSpeech",
    "ExpressiveSpeech",
    "Heard",
    "Speech",
    "SpokenWord",
    "TextToSpeech",
    "TextToSpeechError",
    "Utterance",
]
