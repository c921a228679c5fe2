"""Speech by an endpoint of OpenAI's protocol."""

from tts.openai.engine import OpenAI as OpenAI
