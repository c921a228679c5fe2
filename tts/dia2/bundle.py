"""A checkpoint loaded onto a device: network, tokenizer, codec, and who may use its slots."""

from functools import cached_property
from pathlib import Path
from typing import Self

import torch

from tts.dia2.checkpoint import Checkpoint
from tts.dia2.fast.gpu.graphs import Graphs, capture
from tts.dia2.fast.gpu.mimi_graph import FrameDecoder
from tts.dia2.fast.select import load_codec, select_model
from tts.dia2.fast.trial import int8_is_needed
from tts.dia2.mimi.codec import Mimi
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, Network
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError
from tts.transformer.bundle import LoadedCheckpoint, loading
from tts.transformer.kv_cache import entries
from tts.transformer.linear import int8_exists
from tts.transformer.placement import select_device, select_dtype
from tts.transformer.weights import NoInitialValues

SMALLER = "nari-labs/Dia2-1B"

_MIMI_BYTES = 400 << 20  # the codec (float32) and what a stream of it keeps
_WORK_BYTES = 512 << 20  # activations, and what CUDA takes for itself


class Bundle(LoadedCheckpoint):
    """Holds a loaded model, its tokenizer and its codec. Blocking: it computes where called."""

    def __init__(
        self,
        config: Dia2Config,
        tokenizer: Tokenizer,
        model: Model,
        mimi: Mimi,
        *,
        source: str,
        fingerprint: str,
        graphs: Graphs | None = None,
    ) -> None:
        super().__init__(mimi, source)
        self.config = config
        self.tokenizer = tokenizer
        self.model = model
        self.mimi = mimi
        self.graphs = graphs
        """The model's steps as captured graphs, on a GPU."""
        self.fingerprint = fingerprint
        """Tells this checkpoint from others, for what is made with it and kept in files."""

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        slots: int = 1,
        guidance: bool = True,
        quantize: bool | None = False,
        kernels: bool = False,
        mimi: str | Path | None = None,
        tokenizer: str | Path | None = None,
    ) -> Self:
        """Load a folder, or a repository such as nari-labs/Dia2-2B, which is downloaded once.

        `device` auto is an NVIDIA GPU if there is one; `dtype` auto is bfloat16 on it and float32
        on a CPU. `slots` utterances can be stepped together. Without `guidance` only a scale of 1
        can be used, in half of the time. `quantize` makes the weights int8: on a CPU several times
        as fast, for a little less quality; None does so where real time needs it. `kernels` lets a
        GPU use Parley's own Triton kernels, which have never been timed on one. `mimi` and
        `tokenizer` are folders or repositories that replace those of the checkpoint.

        Raises TextToSpeechError.
        """
        place = select_device(device, "Dia2")
        kind = select_dtype(dtype, place)
        found = Checkpoint.find(source, tokenizer=tokenizer, mimi=mimi)
        config = found.config
        words = Tokenizer.from_folder(found.tokenizer, config.new_word, config.text_vocab)
        branches = 2 if guidance else 1
        _check_memory(found.config, kind, place, slots=slots, branches=branches)
        if quantize is None:
            on_cpu = place.type == "cpu" and kind == torch.float32
            quantize = on_cpu and int8_exists() and int8_is_needed(config)
        with loading("Dia2", source, place):
            with NoInitialValues():
                model = select_model(
                    found.config,
                    found.weights,
                    device=place,
                    dtype=kind,
                    slots=slots,
                    branches=branches,
                    quantize=quantize,
                    kernels=kernels,
                )
            graphs = capture(model)
            codec = load_codec(found.mimi, found.config.codebooks, place)
        if codec.config.codebook_size < found.config.audio_limit:
            raise TextToSpeechError(
                f"the model writes {found.config.audio_limit} different codes, the codec in "
                f"{found.mimi} has {codec.config.codebook_size}: they do not belong together"
            )
        return cls(
            found.config,
            words,
            model,
            codec,
            source=str(source),
            fingerprint=found.fingerprint,
            graphs=graphs,
        )

    @cached_property
    def decoder(self) -> FrameDecoder:
        """The codec's streams, one for each of the model's slots, for whoever steps those."""
        return FrameDecoder(self.mimi, self.model.slots)


def memory_needed(config: Dia2Config, dtype: torch.dtype, *, slots: int, branches: int) -> int:
    """Count the bytes on a GPU for weights, caches of slots and of prefixes, codec, and work."""
    with torch.device("meta"), NoInitialValues():
        network = Network(config, dtype)
    weights = sum(each.numel() * each.element_size() for each in network.parameters())
    shape = config.decoder
    entry = 2 * shape.layers * shape.kv_heads * shape.head_dim * dtype.itemsize
    cache = entry * branches * (slots * entries(config.max_steps) + config.max_steps)
    return weights + cache + _MIMI_BYTES + _WORK_BYTES


def _check_memory(
    config: Dia2Config, dtype: torch.dtype, device: torch.device, *, slots: int, branches: int
) -> None:
    """Raise TextToSpeechError if a GPU has not enough free memory."""
    if device.type != "cuda":
        return
    needed = memory_needed(config, dtype, slots=slots, branches=branches)
    free, _ = torch.cuda.mem_get_info(device)
    if needed <= free:
        return
    ways = []
    if dtype == torch.float32:
        ways.append("dtype bfloat16")
    if slots > 1:
        ways.append("fewer slots")
    if config.decoder.width > 1024:
        ways.append(f"the smaller {SMALLER}")
    ways.append("device cpu")
    raise TextToSpeechError(
        f"the model needs {needed / 2**30:.1f} GiB of GPU memory and {free / 2**30:.1f} GiB are "
        f"free on {device}: use {' or '.join(ways)}"
    )
