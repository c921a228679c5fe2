"""Text to speech: a module or a folder for each engine, and the protocol that all of them have."""

from tts.protocol import ConversationalSpeech as ConversationalSpeech
from tts.protocol import ExpressiveSpeech as ExpressiveSpeech
from tts.protocol import ManyVoices as ManyVoices
from tts.protocol import Multilingual as Multilingual
from tts.protocol import Occupancy as Occupancy
from tts.protocol import Repeatable as Repeatable
from tts.protocol import ScriptedSpeech as ScriptedSpeech
from tts.protocol import SlottedSpeech as SlottedSpeech
from tts.protocol import Speech as Speech
from tts.protocol import SpokenTurn as SpokenTurn
from tts.protocol import SpokenWord as SpokenWord
from tts.protocol import TextToSpeech as TextToSpeech
from tts.protocol import TextToSpeechError as TextToSpeechError
from tts.protocol import Utterance as Utterance
from tts.protocol import VoiceOfLanguage as VoiceOfLanguage

ENGINES = {
    "auto": "tts.auto:auto",
    "command": "tts.command:Command",
    "dia": "tts.dia.engine:DiaSpeech",
    "dia2": "tts.dia2.engine:Dia2Speech",
    "espeak": "tts.espeak:Espeak",
    "kokoro": "tts.kokoro:Kokoro",
    "openai": "tts.openai:OpenAI",
    "piper": "tts.piper:Piper",
}
"""Built-in engines by name; other packages add theirs as entry points of group `parley.tts`."""
