"""A checkpoint loaded onto a device: network, codec, and who may use its slots."""

from collections.abc import Generator
from pathlib import Path
from typing import Literal, Self

import torch

from tts.dia import memory
from tts.dia.checkpoint import Checkpoint
from tts.dia.codec.codec import Dac
from tts.dia.graphs import Graphs, capture, new_stepper
from tts.dia.network.config import DiaConfig
from tts.dia.network.delays import Codes
from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampling
from tts.dia.network.tensors import open_weights
from tts.dia.stepper import Stepper
from tts.dia.take import Take
from tts.dia.tokenizer import to_bytes
from tts.protocol import TextToSpeechError
from tts.transformer.bundle import LoadedCheckpoint, loading
from tts.transformer.placement import select_device, select_dtype

LARGEST_SEED = (1 << 63) - 1


def check_seed(seed: int) -> None:
    """Raise TextToSpeechError if it is none."""
    if not 0 <= seed <= LARGEST_SEED:
        raise TextToSpeechError(f"a seed is a whole number from 0 to {LARGEST_SEED}, not {seed}")


class Bundle(LoadedCheckpoint):
    """Holds a loaded model and its codec. Blocking: it computes in the thread that calls it."""

    def __init__(
        self,
        model: Model,
        codec: Dac,
        *,
        sampling: Sampling,
        source: str,
        graphs: Graphs | None = None,
    ) -> None:
        super().__init__(codec, source)
        self.config: DiaConfig = model.config
        self.model = model
        self.codec = codec
        self.graphs = graphs
        """The model's steps as captured graphs, on a GPU."""
        self.sampling = sampling
        """The checkpoint's own, if no other is wanted."""

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        quantize: Literal["none", "int8"] = "none",
        slots: int = 1,
        guidance: bool = True,
        dac: str | Path | None = None,
    ) -> Self:
        """Load a folder, or a repository such as nari-labs/Dia-1.6B-0626, which is downloaded once.

        Transformers' layout and the original one will do. `device` auto is an NVIDIA GPU if there
        is one; `dtype` auto is bfloat16 on it and float32 on a CPU. `quantize` int8 makes the
        weights so, on a CPU: more than twice as fast, for a little less quality. `slots` takes can
        be stepped together. Without `guidance` only a scale of 1 can be used. `dac` is a folder or
        repository that replaces the codec. Raises TextToSpeechError.
        """
        place = select_device(device, "Dia")
        kind = select_dtype(dtype, place)
        if quantize != "none" and (place.type != "cpu" or kind != torch.float32):
            raise TextToSpeechError("int8 weights are for a CPU and dtype float32")
        found = Checkpoint.find(source, dac=dac)
        weights = open_weights(found.weights, found.config, place, kind)
        branches, small = 2 if guidance else 1, quantize == "int8"
        wanted = memory.needed(found.config, kind, slots=slots, branches=branches, quantize=small)
        memory.check(wanted, kind, place, slots=slots, quantize=small)
        with loading("Dia", source, place):
            model = Model(
                found.config,
                weights,
                device=place,
                dtype=kind,
                slots=slots,
                branches=branches,
                quantize=small,
            )
            graphs = capture(model)
            codec = Dac.load(found.dac, place)
        cls._check_codec(found.config, codec, found.dac)
        return cls(model, codec, sampling=found.sampling, source=str(source), graphs=graphs)

    def take(
        self,
        text: str,
        *,
        prompt: Codes | None = None,
        prompt_text: str = "",
        sampling: Sampling | None = None,
        seed: int = 0,
        longest: int | None = None,
    ) -> Take:
        """Prepare to speak a text as it stands: `[S1]` and `[S2]` name speakers.

        `prompt` [frames, codebooks] are the codes of a voice and `prompt_text` is what it says. The
        take is ended after `longest` frames, if it does not end by itself. Raises
        TextToSpeechError.
        """
        check_seed(seed)
        if not any(map(str.isalnum, text.replace("[S1]", "").replace("[S2]", ""))):
            raise TextToSpeechError("nothing to say: the text has no words")
        whole = f"{prompt_text.strip()} {text}" if prompt_text.strip() else text
        return Take(
            self.config,
            to_bytes(whole),
            prompt=prompt,
            sampling=sampling or self.sampling,
            seed=seed,
            longest=longest,
        )

    def frames(self, take: Take) -> Generator[Codes]:
        """Step a take to its end; each step gives the frames it completes, [0 or more, codebooks].

        Whoever closes the iterator ends the take. Raises TextToSpeechError if somebody else uses
        the model.
        """
        with self.exclusively():
            stepper = self.stepper()
            slot = stepper.admit(take)
            try:
                while not take.finished:
                    stepper.step()
                    yield take.frames()
            finally:
                stepper.release(slot)

    def stepper(self) -> Stepper:
        """Make what steps takes in the model's slots, all of them free, for who has the lease."""
        return new_stepper(self.model, self.graphs)

    @staticmethod
    def _check_codec(config: DiaConfig, codec: Dac, folder: Path) -> None:
        """Raise TextToSpeechError if a codec is not the one that the model writes for."""
        if (codec.codebooks, codec.config.codebook_size) != (config.codebooks, config.eos):
            raise TextToSpeechError(
                f"the model writes {config.codebooks} codebooks of {config.eos} codes, the codec "
                f"in {folder} has {codec.codebooks} of {codec.config.codebook_size}: they do not "
                "belong together"
            )
