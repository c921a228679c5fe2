"""Speech to text: a module or a folder for each engine, and the protocol that all of them have."""

from stt.protocol import Recognition, SpeechToText, SpeechToTextError, Transcript, Word

ENGINES = {
    "openai": "stt.openai:OpenAI",
    "pocketsphinx": "stt.pocketsphinx:Pocketsphinx",
    "whisper": "stt.whisper:Whisper",
}
"""Built-in engines by name; other packages add theirs as entry points of group `parley.stt`."""

__all__ = ["ENGINES", "Recognition", "SpeechToText", "SpeechToTextError", "Transcript", "Word"]
