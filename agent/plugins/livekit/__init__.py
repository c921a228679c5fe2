"""Parley's stages as plug-ins of LiveKit's agents."""

from agent.plugins.package import require

require("livekit-agents", "1.8", "1.9", extra="livekit")

from agent.plugins.livekit.stt import ParleySTT as ParleySTT  # noqa: E402
from agent.plugins.livekit.tts import Dia2TTS as Dia2TTS  # noqa: E402
from agent.plugins.livekit.turns import ParleyTurnDetector as ParleyTurnDetector  # noqa: E402
from agent.plugins.livekit.vad import ParleyVAD as ParleyVAD  # noqa: E402
