"""Dia as an engine: a piece of text at a time, heard while it is generated.

Importing this module imports no torch; `load` does.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from tts.dia.settings import Settings
from tts.dia.text.reader import SOUNDS
from tts.protocol import Occupancy, TextToSpeechError
from tts.transformer import torch_loading
from tts.transformer.in_voice import InVoice
from tts.transformer.item import Item
from tts.transformer.mailbox import Mailbox
from tts.transformer.utterance import WorkerUtterance

if TYPE_CHECKING:
    from tts.dia.serving.prepare import Prepared
    from tts.dia.serving.prompt import Prompt
    from tts.dia.serving.utterance import UtteranceState, VoiceSettings
    from tts.transformer.worker import Worker


class DiaSpeech(Settings):
    """Dia: dialogues in one pass. In real time only on a GPU; files are written at any speed."""

    sounds = SOUNDS
    language = "en"

    _loaded: "tuple[Prepared, Worker[UtteranceState]] | None" = None

    @property
    def sample_rate(self) -> int:
        """That of the codec, 44100 Hz. Raises TextToSpeechError before `load`."""
        return self._ready()[0].dia.sample_rate

    async def load(self) -> None:
        """Read the model, downloading it (with progress bars) when it is not on this machine.

        Warns when this machine is slower than real time. Raises TextToSpeechError.
        """
        if self._loaded is None:
            await anyio.to_thread.run_sync(_import, abandon_on_cancel=True)
            # Abandoned when cancelled: Ctrl-C does not wait for the end of a download.
            prepared, start = await anyio.to_thread.run_sync(_prepare, self, abandon_on_cancel=True)
            self._loaded = prepared, start()

    async def aclose(self) -> None:
        """End the engine's thread and free the model."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(loaded[1].stop)

    def open(self) -> "AbstractAsyncContextManager[WorkerUtterance[UtteranceState]]":
        """Open one utterance. While as many speak as there are slots it waits for one, in turn.

        Raises TextToSpeechError if the engine is not loaded, or the process was forked since.
        """
        prepared, _ = self._ready()
        return self._speaking(prepared.voice_settings, prepared.prompt)

    @asynccontextmanager
    async def open_script(
        self,
        voices: Sequence[str] = (),
        *,
        cfg: float | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> AsyncGenerator["WorkerUtterance[UtteranceState]", None]:
        """Open an utterance with voices of its own, of [S1] and [S2], and its own sampling.

        None stands for the engine's settings, no voices for those that the model picks. Raises
        TextToSpeechError, also for a voice that there is not.
        """
        from tts.dia.serving.prepare import prompt_of, settings_with

        prepared, _ = self._ready()
        settings = settings_with(prepared.voice_settings, cfg, temperature, seed)
        prompt = await anyio.to_thread.run_sync(prompt_of, prepared.dia, voices)
        async with self._speaking(settings, prompt) as utterance:
            yield utterance

    @asynccontextmanager
    async def _speaking(
        self, settings: "VoiceSettings", prompt: "Prompt | None"
    ) -> AsyncGenerator["WorkerUtterance[UtteranceState]", None]:
        from tts.dia.serving.utterance import UtteranceState

        prepared, worker = self._ready()
        mailbox = Mailbox[Item]()
        try:
            state = UtteranceState(prepared.dia, settings, prompt, mailbox.put)
            worker.open(state)
            try:
                yield WorkerUtterance(worker, state, mailbox)
            finally:
                worker.close(state)
        finally:
            mailbox.close()

    def occupancy(self) -> Occupancy:
        """Say how busy it is (`tts.SlottedSpeech`)."""
        loaded = self._loaded
        return Occupancy(0, 0, 0) if loaded is None else loaded[0].scheduler.occupancy()

    @property
    def voices(self) -> Sequence[str]:
        """Those that `parley voice` made for it."""
        from tts.voices import folder

        return folder.names("dia")

    def in_voice(self, name: str) -> InVoice:
        """Return the same in another voice (`tts.ManyVoices`). Raises TextToSpeechError."""
        from tts.voices import folder

        return InVoice(self, str(folder.find(name)))

    def _ready(self) -> "tuple[Prepared, Worker[UtteranceState]]":
        if self._loaded is None:
            raise TextToSpeechError("Dia is not loaded: call load() first")
        return self._loaded


def _import() -> None:
    """Import PyTorch, and what is made of it."""
    torch_loading.import_modules(
        ("tts.dia.serving.prepare", "tts.transformer.worker"), model="Dia", extra="dia"
    )


def _prepare(settings: Settings) -> "tuple[Prepared, Callable[[], Worker[UtteranceState]]]":
    from tts.dia.serving.prepare import load
    from tts.transformer.worker import Worker

    with torch_loading.loading():
        prepared = load(settings)
    return prepared, partial(Worker, prepared.scheduler, name="Dia")
