"""What has been asked of the agent and waits for its time. Pure, a part of the turn policy."""

from agent.conversation.commands import SetTimer, StopTimer
from agent.conversation.events import Announcement

LONGEST_WAIT = 10.0
"""Seconds that a turn's answer waits for words that somebody else puts in."""


class Requests:
    """Requests wait: what is to be said for a pause, answers for the words that they are about."""

    def __init__(self) -> None:
        self.words = 0
        """Turns that were committed, whose words are on their way."""
        self.held = False
        """Whether other words are, which every answer waits for."""
        self._announcements: list[Announcement] = []
        self._wanted: list[int] = []

    @property
    def wanted(self) -> bool:
        """Whether an answer is."""
        return bool(self._wanted)

    def hold(self, held: bool) -> SetTimer | StopTimer | None:
        """Have answers wait for words that somebody puts in, though not for long."""
        if held == self.held:
            return None
        self.held = held
        return SetTimer("words", LONGEST_WAIT) if held else StopTimer("words")

    def announce(self, announcement: Announcement) -> None:
        """Have it said at the next pause."""
        self._announcements.append(announcement)

    def want(self, request: int) -> None:
        """Have the conversation answered; a turn that is answered by itself is request 0."""
        if request or request not in self._wanted:
            self._wanted.append(request)

    def next_wanted(self) -> int:
        """Take the request that has waited longest for an answer."""
        return self._wanted.pop(0)

    def next_announcement(self, *, asked: bool = False) -> Announcement | None:
        """Take what has waited longest to be said, if anything has; of what was `asked` for."""
        said = next((each for each in self._announcements if each.request or not asked), None)
        if said is not None:
            self._announcements.remove(said)
        return said

    def withdraw(self, request: int | None) -> list[int]:
        """Forget `request`, or all of them; those that are refused so."""
        said = [each.request for each in self._announcements]
        refused = [n for n in (*self._wanted, *said) if request in (None, n)]
        self._wanted = [n for n in self._wanted if n not in refused]
        self._announcements = [a for a in self._announcements if a.request not in refused]
        return [number for number in refused if number]
