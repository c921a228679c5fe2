"""Parley: a real-time voice agent runtime. Hear, think, speak, as it happens.

async with Agent.open("offline") as agent:
    await Graph(microphone).then(agent).then(speaker).run()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.agent import Agent
    from agent.audio.files import WavMicrophone, WavSpeaker
    from agent.audio.microphone import DeviceMicrophone
    from agent.audio.speaker import DeviceSpeaker
    from agent.config.load import Config, load_config
    from agent.errors import AudioError, ConfigError, ParleyError, StageError
    from agent.events import Audio, Event
    from agent.graph import Graph, Stage
    from agent.stages import Listen, Speak, source

_HOMES = {
    "Agent": "agent.agent",
    "Audio": "agent.events",
    "AudioError": "agent.errors",
    "Config": "agent.config.load",
    "ConfigError": "agent.errors",
    "DeviceMicrophone": "agent.audio.microphone",
    "DeviceSpeaker": "agent.audio.speaker",
    "Event": "agent.events",
    "Graph": "agent.graph",
    "Listen": "agent.stages",
    "ParleyError": "agent.errors",
    "Speak": "agent.stages",
    "Stage": "agent.graph",
    "StageError": "agent.errors",
    "WavMicrophone": "agent.audio.files",
    "WavSpeaker": "agent.audio.files",
    "load_config": "agent.config.load",
    "source": "agent.stages",
}

__all__ = [
    "Agent",
    "Audio",
    "AudioError",
    "Config",
    "ConfigError",
    "DeviceMicrophone",
    "DeviceSpeaker",
    "Event",
    "Graph",
    "Listen",
    "ParleyError",
    "Speak",
    "Stage",
    "StageError",
    "WavMicrophone",
    "WavSpeaker",
    "load_config",
    "source",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: `import agent` stays fast (P8)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'agent' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
