"""The controls of a conversation that nobody hears."""

from dataclasses import dataclass


@dataclass
class Muted:
    """Notes what it is told."""

    volume: float = 0.5
    last: str = "It is noon."
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True

    def repeat(self) -> str:
        return self.last
