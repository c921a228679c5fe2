"""What tools, and whoever steers it, can do to the conversation."""

from agent.audio.output import Output
from agent.conversation.history import History


class Controls:
    """Controls give tools and others the conversation's volume and its last words."""

    def __init__(self, playback: Output, history: History) -> None:
        self._playback = playback
        self._history = history

    @property
    def volume(self) -> float:
        """Of the agent's voice, from 0 to 1."""
        return self._playback.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._playback.volume = volume

    def stop(self) -> None:
        """Say nothing more until the user speaks again: a reply that is silent does just that."""

    def repeat(self) -> str:
        """What the agent said last; empty if nothing yet."""
        said = (m.content for m in reversed(self._history.messages) if m.role == "assistant")
        return next((text for text in said if text), "")
