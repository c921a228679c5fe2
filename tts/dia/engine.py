"""Dia as an engine: a piece of text at a time, heard while it is generated.

Importing this module imports no torch; `load` does.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from tts.dia.settings import Settings
from tts.dia.text.reader import SOUNDS
from tts.transformer import torch_loading
from tts.transformer.engine import WorkerSpeech
from tts.transformer.utterance import WorkerUtterance
from tts.transformer.worker import Worker

if TYPE_CHECKING:
    from tts.dia.serving.prepare import Prepared
    from tts.dia.serving.prompt import Prompt
    from tts.dia.serving.utterance import UtteranceState, VoiceSettings


class DiaSpeech(Settings, WorkerSpeech["Prepared", "UtteranceState"]):
    """Dia: dialogues in one pass. In real time only on a GPU; files are written at any speed."""

    sounds = SOUNDS
    language = "en"

    engine = "dia"
    title = "Dia"

    @property
    def sample_rate(self) -> int:
        """That of the codec, 44100 Hz. Raises TextToSpeechError before `load`."""
        return self._ready()[0].dia.sample_rate

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

    def _speaking(
        self, settings: "VoiceSettings", prompt: "Prompt | None"
    ) -> "AbstractAsyncContextManager[WorkerUtterance[UtteranceState]]":
        from tts.dia.serving.utterance import UtteranceState

        dia = self._ready()[0].dia
        return self.speaking(lambda deliver: UtteranceState(dia, settings, prompt, deliver))

    def prepare(self) -> "tuple[Prepared, Callable[[], Worker[UtteranceState]]]":
        """Load the model, and say what starts its thread. Raises TextToSpeechError."""
        from tts.dia.serving.prepare import load

        with torch_loading.loading():
            prepared = load(self)
        return prepared, partial(Worker, prepared.scheduler, name=self.title)
