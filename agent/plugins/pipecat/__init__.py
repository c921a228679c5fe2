"""Parley's stages as services of Pipecat."""

from agent.plugins.package import require

require("pipecat-ai", "1.14", "1.15", extra="pipecat")

from agent.plugins.pipecat.stt import ParleySTTService as ParleySTTService  # noqa: E402
from agent.plugins.pipecat.tts import Dia2TTSService as Dia2TTSService  # noqa: E402
from agent.plugins.pipecat.turns import ParleyTurnAnalyzer as ParleyTurnAnalyzer  # noqa: E402
from agent.plugins.pipecat.turns import (  # noqa: E402
    ParleyTurnStopStrategy as ParleyTurnStopStrategy,
)
