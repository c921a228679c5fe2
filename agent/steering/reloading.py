"""A configuration that is read again when somebody asks for it, or when a file changes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from agent.config.load import Config
from agent.errors import ConfigError, ParleyError
from agent.events import NoticeEvent, Report, WarningEvent
from agent.graph import task_group
from agent.guards.foreign import only
from agent.steering.watched_files import WatchedFiles
from llm_adapters import LanguageModelError
from stt import SpeechToTextError
from tts import TextToSpeechError

Load = Callable[[], tuple[Config, Sequence[Path]]]
"""Reads the configuration, and tells of which files. Raises ConfigError."""

Apply = Callable[[Config, Config], Awaitable[object]]
"""Goes from one configuration to another; returns what came of it, as a line."""


class Reloader:
    """A reloader reads a configuration again. A broken one changes nothing."""

    def __init__(self, load: Load, apply: Apply, report: Report) -> None:
        """`load` reads what was begun with, and later what there is then.

        `apply` raises ConfigError and the engines' errors where nothing has changed.
        """
        self._load = load
        self._apply = apply
        self._report = report
        self._config, self._files = load()
        self._watched: WatchedFiles | None = None
        self._busy = False

    async def reload(self) -> str:
        """Apply what has changed; returns a line about it. Raises ParleyError, and tells it."""
        if self._busy:
            raise ParleyError("the configuration is being read already")
        self._busy = True
        try:
            config, self._files = await anyio.to_thread.run_sync(self._load)
            done = await self._apply(self._config, config)
        except (ConfigError, LanguageModelError, SpeechToTextError, TextToSpeechError) as error:
            message = f"{only(error)}; what was read before goes on"
            self._report(WarningEvent("config", "config.refused", message))
            raise ParleyError(message) from None
        finally:
            self._busy = False
            if self._watched is not None:
                self._watched.watch(self._files)
        self._config = config
        self._report(NoticeEvent("config", "config.reloaded", str(done)))
        return str(done)

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """For the length of a block, reload when one of the files has changed."""
        async with WatchedFiles.open(self._files) as watched, task_group() as tasks:
            self._watched = watched
            tasks.start_soon(self.follow, watched.changed)
            yield
            tasks.cancel_scope.cancel()
            self._watched = None

    async def follow(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Reload each time that `changed` returns, until cancelled."""
        while True:
            await changed()
            with suppress(ParleyError):  # it has been told
                await self.reload()
