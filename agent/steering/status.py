"""The status of a conversation: who speaks, how finished it sounds, what is being prepared.

The log's events in, words for people out; the live view shows them.
"""

from agent.conversation.handoff import AgentHandoff
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantSpeechStarted,
    Decision,
    ErrorEvent,
    Event,
    SessionStarted,
    TurnCommitted,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
    WakeAsleep,
    WakeHeard,
)


class Status:
    """Follows a conversation by its events."""

    def __init__(self, name: str) -> None:
        """`name` is the agent's."""
        self.certainty: float | None = None
        """How surely the user has finished, by the last decision that asked; None while unknown."""
        self.preparing = False
        """Whether a reply is being prepared to what may not be all of the turn."""
        self.wasted = 0
        """Replies of this turn that were prepared in vain."""
        self.turns = 0
        """Of the user's, so far."""
        self._name = name
        self._user = ""
        self._agent = ""
        self._softly = False
        self._asleep = False

    @property
    def words(self) -> str:
        """Who does what, such as `you speak, Parley speaks softly`."""
        agent = f"{self._agent} softly" if self._softly and self._agent else self._agent
        busy = ", ".join(part for part in (self._user, agent) if part)
        return busy or ("asleep" if self._asleep else "listening")

    def __call__(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case UserSpeechStarted():
                self._user, self.certainty, self.preparing, self.wasted = (
                    "you speak",
                    None,
                    False,
                    0,
                )
            case UserSpeechStopped():
                self._user = "recognising"
            case UserTranscript(final=True) | ErrorEvent(stage="stt"):
                self._user = ""
            case UserTranscript() if self._user != "recognising":
                self._user = "you speak"
            case TurnCommitted():
                self._agent, self.preparing = "thinking", False
                self.turns += 1
            case AssistantSpeechStarted() | AssistantResumed():
                self._agent, self.certainty = f"{self._name} speaks", None
            case AgentHandoff(name=name):
                self._name = name
            case AssistantDone() | AssistantInterrupted():
                self._agent, self._softly = "", False
            case WakeHeard() | WakeAsleep():
                self._asleep = isinstance(event, WakeAsleep)
            case SessionStarted(config):
                self._asleep = bool(config.get("wake", {}).get("words"))
            case Decision():
                self._decided(event)

    def _decided(self, decision: Decision) -> None:
        if decision.certainty is not None:
            self.certainty = decision.certainty
        match decision.what:
            case "duck" | "unduck":
                self._softly = decision.what == "duck"
            case "speculate":
                self._user, self.preparing = "you pause", True
            case "discard":
                self._user = "you speak" if self._user else ""
                self.certainty, self.preparing, self.wasted = None, False, self.wasted + 1
            case "sleep" | "wake":
                self._asleep = decision.what == "sleep"
