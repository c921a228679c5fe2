"""Dia2 as an engine: it speaks while the text is still being written.

Importing this module imports no torch; `load` does.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from tts.clean import SOUNDS
from tts.dia2.settings import Settings
from tts.protocol import SpokenTurn
from tts.transformer import torch_loading
from tts.transformer.engine import WorkerSpeech
from tts.transformer.item import Item
from tts.transformer.utterance import WorkerUtterance
from tts.transformer.worker import Worker

if TYPE_CHECKING:
    from tts.dia2.serving.prepare import Prepared
    from tts.dia2.serving.utterance import PrefilledPrefix, UtteranceState, VoiceSettings


class Dia2Speech(Settings, WorkerSpeech["Prepared", "UtteranceState"]):
    """Dia2: its first audio follows a few words into the text. It wants an NVIDIA GPU."""

    sounds = SOUNDS
    language = "en"

    engine = "dia2"
    title = "Dia2"

    @property
    def sample_rate(self) -> int:
        """That of the codec, 24000 Hz. Raises TextToSpeechError before `load`."""
        return self._ready()[0].bundle.sample_rate

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

    def _speaking(
        self, voice_settings: "VoiceSettings", prefilled: "Callable[[], PrefilledPrefix] | None"
    ) -> "AbstractAsyncContextManager[WorkerUtterance[UtteranceState]]":
        """An utterance, which begins with what `prefilled` gives on the engine's thread."""
        from tts.dia2.serving.utterance import UtteranceState

        prepared, _ = self._ready()

        def make(deliver: Callable[[Item], None]) -> UtteranceState:
            return UtteranceState(prepared.bundle, voice_settings, prepared.prefilled, deliver)

        if prefilled is None:
            return self.speaking(make)
        return self.speaking(make, lambda state: state.begin_with(prefilled()))

    def remember(self, turn: SpokenTurn) -> None:
        """Take a turn that has ended (`tts.protocol.ConversationalSpeech`).

        On the engine's thread it is encoded, and heard together with the turns before it, as soon
        as nobody speaks: mostly before the next utterance is opened, which goes on from there.
        """
        prepared, worker = self._ready()
        if prepared.context_prefill is not None:
            worker.do(partial(prepared.context_prefill.remember, turn))

    def prepare(self) -> "tuple[Prepared, Callable[[], Worker[UtteranceState]]]":
        """Load the model, and say what starts its thread. Raises TextToSpeechError."""
        from tts.dia2.serving.prepare import load

        with torch_loading.loading():
            prepared = load(self)
        idle_work = prepared.context_prefill.step if prepared.context_prefill else None
        return prepared, partial(Worker, prepared.scheduler, idle_work, name=self.title)
