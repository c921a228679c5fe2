"""The border to the engines: recogniser, language model and voice, whoever has written them.

Each is wrapped once, and is an engine of the same protocol then: what it raises is its protocol's
error, nothing it is asked for takes for ever, and what it gives is what it should be.
"""

from agent.engines.border import OFFLINE
from agent.engines.llm import GuardedLanguageModel
from agent.engines.stt import GuardedSpeechToText
from agent.engines.tts import GuardedTextToSpeech

__all__ = ["OFFLINE", "GuardedLanguageModel", "GuardedSpeechToText", "GuardedTextToSpeech"]
