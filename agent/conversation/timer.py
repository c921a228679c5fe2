"""A timer: something happens after a while, unless something else happens before."""

from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup


class Timer:
    """A timer rings once per setting; it is set anew or stopped at any time."""

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()

    def set(self, tasks: TaskGroup, seconds: float | None, ring: Callable[[], object]) -> None:
        """Call `ring` in `seconds`; None only stops what was set before."""
        self.stop()
        if seconds is not None:
            self._scope = anyio.CancelScope()
            tasks.start_soon(self._wait, self._scope, seconds, ring)

    def stop(self) -> None:
        """Do not ring."""
        self._scope.cancel()

    async def _wait(
        self, scope: anyio.CancelScope, seconds: float, ring: Callable[[], object]
    ) -> None:
        with scope:
            await anyio.sleep(seconds)
            ring()
