"""The floor: whether a reply may act now, and not only think."""

import anyio


class Floor:
    """The floor is a reply's from the commit of its turn until it is stopped, but not while held.

    What has consequences waits for it: a reply that was prepared ahead, or that the user speaks
    over, goes on thinking, and calls no tool.
    """

    def __init__(self) -> None:
        self.committed = anyio.Event()
        """Set once the turn is the reply's."""
        self._free = anyio.Event()
        self._lost = False

    def take(self) -> None:
        """It is the reply's turn."""
        self.committed.set()
        self.resume()

    def hold(self) -> None:
        """The user speaks: wait until it is known what they want."""
        self._free = anyio.Event()

    def resume(self) -> None:
        """It was for nothing."""
        if self.committed.is_set() and not self._lost:
            self._free.set()

    def lose(self) -> None:
        """The reply is over."""
        self._lost = True
        self.hold()

    async def wait(self) -> None:
        """Wait until the reply has the floor; what follows without an `await` is done with it."""
        # A reply may be held again, or be over, before who waited for it comes to run.
        while not self._free.is_set():
            await self._free.wait()
