"""Speaking a whole text, piece after piece, in the thread that asks for it."""

from collections import deque
from collections.abc import Callable, Iterator

import torch

from tts.dia.bundle import Bundle
from tts.dia.serving.prompt import Prompt
from tts.dia.serving.scheduler import Scheduler
from tts.dia.serving.utterance import Spoken, UtteranceState, VoiceSettings
from tts.dia.text.reader import read_script
from tts.protocol import Speech, TextToSpeechError
from tts.transformer.item import Item

Progress = Callable[[float, float], None]
"""Takes the seconds of speech that are done, and how many it will be, by estimate."""


def speak(
    dia: Bundle,
    text: str,
    settings: VoiceSettings,
    prompt: Prompt | None = None,
    *,
    include_prompt: bool = False,
    progress: Progress = lambda _done, _all: None,
    spoken: list[Spoken] | None = None,
) -> Iterator[Speech]:
    """Speak a script, and give its sound as it is made.

    `include_prompt` lets the voices' own recordings come out first. `spoken` is added to, piece by
    piece. Raises TextToSpeechError: a
    script without words, with a third speaker, or somebody else uses the model.
    """
    read_script(text)
    made: deque[Item] = deque()
    state = UtteranceState(dia, settings, prompt, made.append, script=True)
    state.spoken = state.spoken if spoken is None else spoken
    state.feed(text)
    state.finish()
    if include_prompt and prompt is not None:
        codes = torch.from_numpy(prompt.codes.T.copy())
        yield Speech(dia.codec.decode(codes).cpu().numpy())
    with dia.exclusively():
        scheduler = Scheduler(dia)
        scheduler.open(state)
        try:
            while scheduler.open_ones:
                scheduler.step()
                progress(*state.progress)
                while made:
                    if isinstance(item := made.popleft(), TextToSpeechError):
                        raise item
                    if item is not None:
                        state.heard()
                        yield item
        finally:
            scheduler.close(state)
