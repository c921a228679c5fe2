"""Dia2 as an engine: it speaks while the text is still being written.

Importing this module imports no torch; `load` does.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from tts.clean import SOUNDS
from tts.dia2.settings import Settings
from tts.protocol import Occupancy, SpokenTurn, TextToSpeechError
from tts.transformer import torch_loading
from tts.transformer.in_voice import InVoice
from tts.transformer.item import Item
from tts.transformer.mailbox import Mailbox
from tts.transformer.utterance import WorkerUtterance

if TYPE_CHECKING:
    from tts.dia2.serving.prepare import Prepared
    from tts.dia2.serving.utterance import PrefilledPrefix, UtteranceState, VoiceSettings
    from tts.transformer.worker import Worker


class Dia2Speech(Settings):
    """Dia2: its first audio follows a few words into the text. It wants an NVIDIA GPU."""

    sounds = SOUNDS
    language = "en"

    _loaded: "tuple[Prepared, Worker[UtteranceState]] | None" = None

    @property
    def sample_rate(self) -> int:
        """That of the codec, 24000 Hz. Raises TextToSpeechError before `load`."""
        return self._ready()[0].bundle.sample_rate

    async def load(self) -> None:
        """Read the model, downloading it (with progress bars) when it is not on this machine.

        Meanwhile the event loop may stand still for up to 35 ms at a time, while PyTorch's modules
        set themselves up: load before a conversation, not in it. Warns when this machine is slower
        than real time. Raises TextToSpeechError.
        """
        if self._loaded is None:
            # By itself: an exception that PyTorch keeps from its import keeps all calls that led
            # there, with whatever is in their variables by the end.
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

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["WorkerUtterance[UtteranceState]", None]:
        """Open one utterance. While as many speak as there are slots, or as can in real time, it
        waits for one, in turn; leaving frees it.

        Raises TextToSpeechError if the engine is not loaded, or the process was forked since.
        """
        prepared, _ = self._ready()
        context = prepared.context_prefill
        prefilled = None if context is None else context.prefilled
        async with self._speaking(prepared.voice_settings, prefilled) as utterance:
            yield utterance

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
        from tts.dia2.serving.prepare import prefix_of, settings_with

        prepared, _ = self._ready()
        voice_settings = settings_with(prepared.voice_settings, cfg, temperature, seed)
        prefix = await anyio.to_thread.run_sync(prefix_of, prepared.bundle, voices)
        prefilled = partial(prepared.scheduler.prefill_when_idle, prefix, voice_settings)
        async with self._speaking(voice_settings, prefilled) as utterance:
            yield utterance

    @asynccontextmanager
    async def _speaking(
        self, voice_settings: "VoiceSettings", prefilled: "Callable[[], PrefilledPrefix] | None"
    ) -> AsyncGenerator["WorkerUtterance[UtteranceState]", None]:
        """An utterance, which begins with what `prefilled` gives on the engine's thread."""
        from tts.dia2.serving.utterance import UtteranceState

        prepared, worker = self._ready()
        mailbox = Mailbox[Item]()
        try:
            state = UtteranceState(prepared.bundle, voice_settings, prepared.prefilled, mailbox.put)
            if prefilled is not None:
                worker.tell(state, lambda: state.begin_with(prefilled()))
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

        return folder.names("dia2")

    def in_voice(self, name: str) -> InVoice:
        """Return the same in another voice (`tts.ManyVoices`). Raises TextToSpeechError."""
        from tts.voices import folder

        return InVoice(self, str(folder.find(name)))

    def remember(self, turn: SpokenTurn) -> None:
        """Take a turn that has ended (`tts.protocol.ConversationalSpeech`).

        On the engine's thread it is encoded, and heard together with the turns before it, as soon
        as nobody speaks: mostly before the next utterance is opened, which goes on from there.
        """
        prepared, worker = self._ready()
        if prepared.context_prefill is not None:
            worker.do(partial(prepared.context_prefill.remember, turn))

    def _ready(self) -> "tuple[Prepared, Worker[UtteranceState]]":
        if self._loaded is None:
            raise TextToSpeechError("Dia2 is not loaded: call load() first")
        return self._loaded


def _import() -> None:
    """Import PyTorch, and what is made of it."""
    torch_loading.import_modules(
        ("tts.dia2.serving.prepare", "tts.transformer.worker"), model="Dia2", extra="dia2"
    )


def _prepare(settings: Settings) -> "tuple[Prepared, Callable[[], Worker[UtteranceState]]]":
    from tts.dia2.serving.prepare import load
    from tts.transformer.worker import Worker

    with torch_loading.loading():
        prepared = load(settings)
    idle_work = prepared.context_prefill.step if prepared.context_prefill else None
    return prepared, partial(Worker, prepared.scheduler, idle_work, name="Dia2")
