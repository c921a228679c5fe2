"""What Dia and Dia2 are as engines: a model on a thread of its own, loaded, spoken with, closed.

Importing this module imports no torch; `load` does.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from tts.protocol import Occupancy, TextToSpeechError
from tts.transformer import torch_loading
from tts.transformer.in_voice import InVoice, ScriptSpeech
from tts.transformer.item import Item
from tts.transformer.mailbox import Mailbox
from tts.transformer.utterance import S, WorkerUtterance
from tts.transformer.worker import Worker

if TYPE_CHECKING:
    from tts.voices.voice import Engine


class Slots(Protocol):
    def occupancy(self) -> Occupancy: ...


class Prepared(Protocol):
    """What is loaded."""

    @property
    def scheduler(self) -> Slots: ...


P = TypeVar("P", bound=Prepared)


class WorkerSpeech(ABC, Generic[P, S]):
    """An engine with a model on a worker's thread."""

    engine: "ClassVar[Engine]"
    title: ClassVar[str]
    """Its name for people."""

    _loaded: "tuple[P, Worker[S]] | None" = None

    @abstractmethod
    def prepare(self) -> "tuple[P, Callable[[], Worker[S]]]":
        """Load the model, and say what starts its thread. Raises TextToSpeechError."""

    async def load(self) -> None:
        """Read the model, downloading it (with progress bars) when it is not on this machine.

        Meanwhile the event loop may stand still for up to 35 ms at a time, while PyTorch's modules
        set themselves up: load before a conversation, not in it. Warns when this machine is slower
        than real time. Raises TextToSpeechError.
        """
        if self._loaded is None:
            # By itself: an exception that PyTorch keeps from its import keeps all calls that led
            # there, with whatever is in their variables by the end.
            await anyio.to_thread.run_sync(self._import, abandon_on_cancel=True)
            # Abandoned when cancelled: Ctrl-C does not wait for the end of a download.
            prepared, start = await anyio.to_thread.run_sync(self.prepare, abandon_on_cancel=True)
            self._loaded = prepared, start()

    async def aclose(self) -> None:
        """End the engine's thread and free the model."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(loaded[1].stop)

    def occupancy(self) -> Occupancy:
        """Say how busy it is (`tts.SlottedSpeech`)."""
        loaded = self._loaded
        return Occupancy(0, 0, 0) if loaded is None else loaded[0].scheduler.occupancy()

    @property
    def voices(self) -> Sequence[str]:
        """Those that `parley voice` made for it."""
        from tts.voices import folder

        return folder.names(self.engine)

    def in_voice(self: ScriptSpeech, name: str) -> InVoice:
        """Return the same in another voice (`tts.ManyVoices`). Raises TextToSpeechError."""
        from tts.voices import folder

        return InVoice(self, str(folder.find(name)))

    @asynccontextmanager
    async def speaking(
        self,
        make: Callable[[Callable[[Item], None]], S],
        first: Callable[[S], None] | None = None,
    ) -> AsyncGenerator[WorkerUtterance[S], None]:
        """Open the utterance that `make` gives, told where its items go; `first` is done with it on
        the engine's thread before it begins.
        """
        _, worker = self._ready()
        mailbox = Mailbox[Item]()
        try:
            state = make(mailbox.put)
            if first is not None:
                worker.tell(state, lambda: first(state))
            worker.open(state)
            try:
                yield WorkerUtterance(worker, state, mailbox)
            finally:
                worker.close(state)
        finally:
            mailbox.close()

    def _ready(self) -> "tuple[P, Worker[S]]":
        if self._loaded is None:
            raise TextToSpeechError(f"{self.title} is not loaded: call load() first")
        return self._loaded

    def _import(self) -> None:
        """Import PyTorch, and what is made of it."""
        modules = (f"tts.{self.engine}.serving.prepare", "tts.transformer.worker")
        torch_loading.import_modules(modules, model=self.title, extra=self.engine)
