"""What the next reply hears first, made ready while nobody speaks.

A turn is encoded as soon as it is known, and the network hears the conversation up to there: so a
reply begins with what has been heard already. All of it is done in pieces, each as long as one
frame or less; whoever opens an utterance meanwhile waits for one piece, then goes on from there.
"""

from tts.dia2.serving.context import ConversationContext
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.utterance import PrefilledPrefix, VoiceSettings
from tts.protocol import Heard


class ContextPrefill:
    """A conversation's turns into the scheduler's idle time. Not for several threads at once."""

    def __init__(
        self,
        conversation: ConversationContext,
        scheduler: Scheduler,
        manner: VoiceSettings,
        warmed: PrefilledPrefix,
    ) -> None:
        """`warmed` is what a reply hears before there are any turns."""
        self._conversation = conversation
        self._scheduler = scheduler
        self._manner = manner
        self._warmed: PrefilledPrefix | None = warmed

    def remember(self, turn: Heard) -> None:
        """A turn has ended."""
        self._conversation.add(turn)
        self._warmed = None

    def step(self) -> bool:
        """Do a piece of what is to be done; False if it is up to the scheduler's steps."""
        if self._conversation.advance():
            return True
        if self._warmed is not None:
            return False
        self.warmed()
        return True

    def warmed(self) -> PrefilledPrefix:
        """What a reply that begins now hears first: every turn; the network may be behind."""
        if self._warmed is None:
            self._warmed = self._scheduler.listen(self._conversation.opening(), self._manner)
        return self._warmed
