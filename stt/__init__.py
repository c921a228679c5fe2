"""Speech to text: a module or a folder for each engine, and the protocol that all of them have."""

from stt.protocol import AdjustableRecogniser as AdjustableRecogniser
from stt.protocol import ConversationalRecogniser as ConversationalRecogniser
from stt.protocol import Recognition as Recognition
from stt.protocol import SpeechToText as SpeechToText
from stt.protocol import SpeechToTextError as SpeechToTextError
from stt.protocol import Transcript as Transcript
from stt.protocol import UnsupportedError as UnsupportedError
from stt.protocol import Word as Word
from stt.protocol import punctuates as punctuates

ENGINES = {
    "openai": "stt.openai:OpenAI",
    "pocketsphinx": "stt.pocketsphinx:Pocketsphinx",
    "whisper": "stt.whisper:Whisper",
}
"""Built-in engines by name; other packages add theirs as entry points of group `parley.stt`."""
