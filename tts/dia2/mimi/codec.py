"""Mimi, the codec whose codes Dia2 writes: 24 kHz speech as 12.5 frames of codes a second.

Everything in it is causal: a stream that keeps the past of every layer gives, piece by piece, what
the whole gives at once. So the whole is computed as such a stream too, in larger pieces.
"""

from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.codec.layers import conv
from tts.codec.weights import Weights
from tts.dia2.mimi import seanet
from tts.dia2.mimi.config import MimiConfig
from tts.dia2.mimi.quantizer import Quantizer
from tts.dia2.mimi.transformer import AttentionType, MaskedAttention, Transformer
from tts.dia2.mimi.upsample import Upsample
from tts.protocol import TextToSpeechError

Window = int | Literal["codec"] | None
"""Positions (25 a second) that attention looks back on: a number, the codec's own, or all.

The codec was trained with its own. `transformers` 4.57 looked back on all, which is the same for
the first ten seconds.
"""

STREAM = 4  # frames that a stream takes through its layers at a time
WHOLE = 16  # the same for the whole of a signal


class Mimi:
    """The codec, both ways; `load` makes one.

    Any number of streams may be open on it, each with a state of its own.
    """

    def __init__(
        self,
        weights: Weights,
        config: MimiConfig,
        codebooks: int,
        attention: AttentionType = MaskedAttention,
    ) -> None:
        width, stride = config.hidden_size, config.stride
        self.config = config
        self.codebooks = codebooks
        self.sample_rate = config.sampling_rate
        self.frame_rate = config.frame_rate
        self.frame_size = config.hop * stride
        self.quantizer = Quantizer(weights, config, codebooks)
        self.upsample = Upsample(weights, "upsample.conv", width, stride)
        self.decoder_transformer = Transformer(weights, "decoder_transformer", config, attention)
        self.decoder_seanet = seanet.decoder(weights, config)
        self.encoder_seanet = seanet.encoder(weights, config)
        self.encoder_transformer = Transformer(weights, "encoder_transformer", config, attention)
        self.downsample = conv(
            weights,
            "downsample.conv",
            width,
            width,
            2 * stride,
            stride=stride,
            bias=False,
            repeat=True,
        )

    @classmethod
    @torch.inference_mode()
    def load(
        cls,
        folder: Path | str,
        codebooks: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        attention: AttentionType = MaskedAttention,
    ) -> Self:
        """Load a folder in the layout of kyutai/mimi: `config.json`, `model.safetensors`.

        `codebooks`, if fewer than the checkpoint has, are the first ones; `attention` is how the
        transformers attend (`tts.dia2.fast.select.load_codec` takes the fastest way). Raises
        TextToSpeechError: not such a folder, tensors missing, unknown or of another shape, pickled
        weights.
        """
        from tts.dia2.mimi import config_json

        folder = Path(folder)
        config = config_json.read(folder)
        codebooks = config.num_quantizers if codebooks is None else codebooks
        if not config.num_semantic_quantizers <= codebooks <= config.num_quantizers:
            raise TextToSpeechError(
                f"the codec in {folder} has {config.num_quantizers} codebooks, not {codebooks}"
            )
        weights = Weights(folder, torch.device(device), dtype)
        codec = cls(weights, config, codebooks, attention)
        weights.finish()
        return codec

    @property
    def device(self) -> torch.device:
        """Where the codec computes."""
        return self.quantizer.table.device

    @torch.inference_mode()
    def decode(self, codes: Tensor | NDArray[np.integer], *, window: Window = "codec") -> Tensor:
        """Codes [codebooks, frames] to a waveform [frame_size * frames], float32 in [-1, 1].

        Raises ValueError: another number of codebooks, a code out of range.
        """
        codes = torch.as_tensor(codes, device=self.device).long()
        if codes.ndim != 2 or codes.shape[0] != self.codebooks:
            raise ValueError(f"codes are {list(codes.shape)}, not [{self.codebooks}, frames]")
        if codes.numel() and not 0 <= codes.min() <= codes.max() < self.config.codebook_size:
            raise ValueError(f"codes go from 0 to {self.config.codebook_size - 1}")
        return StreamingDecoder(self, 1, window, WHOLE).step(codes[None])[0]

    @torch.inference_mode()
    def encode(self, wave: Tensor | NDArray[np.float32], *, window: Window = "codec") -> Tensor:
        """A waveform [samples] to codes [codebooks, frames], the last frame filled up."""
        wave = torch.as_tensor(wave, device=self.device)
        if wave.ndim != 1:
            raise ValueError(f"a waveform is [samples], not {list(wave.shape)}")
        return StreamingEncoder(self, window, WHOLE).finish(wave)

    def decoder(self, slots: int = 1, *, window: Window = "codec") -> "StreamingDecoder":
        """A stream of codes to waveform, for `slots` utterances at once."""
        return StreamingDecoder(self, slots, window, STREAM)

    def encoder(self, *, window: Window = "codec") -> "StreamingEncoder":
        """A stream of waveform to codes."""
        return StreamingEncoder(self, window, STREAM)

    def look_back(self, window: Window) -> int | None:
        """A window in positions; None: without end."""
        return self.config.sliding_window if window == "codec" else window


class StreamingDecoder:
    """Codes to waveform as they come: every frame gives its samples at once, and none is revised.

    A step is free of decisions on data, and for up to `longest` frames works in place on tensors
    that stay where they are (but for a window of None), so that it can be captured in a graph.
    """

    @torch.inference_mode()
    def __init__(self, mimi: Mimi, slots: int, window: Window, longest: int) -> None:
        self._mimi = mimi
        self._longest = longest
        self._upsample = mimi.upsample.new_state(slots)
        positions = longest * mimi.config.stride
        self._cache = mimi.decoder_transformer.new_cache(slots, positions, mimi.look_back(window))
        self._seanet = mimi.decoder_seanet.new_state(slots)

    @torch.inference_mode()
    def step(self, codes: Tensor, active: Tensor | None = None) -> Tensor:
        """The next codes [slots, codebooks, n] to samples [slots, frame_size * n].

        Codes must be in range, also those of idle slots. A slot where `active` [slots] is false
        keeps its state, and its samples mean nothing. Samples are float32 in [-1, 1].
        """
        pieces = [self._advance(piece, active) for piece in torch.split(codes, self._longest, 2)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, 1)

    @torch.inference_mode()
    def reset(self, slot: int = 0) -> None:
        """Make a slot ready for another utterance; the others go on undisturbed."""
        self._upsample.reset(slot)
        self._cache.reset(slot)
        for state in self._seanet:
            state.reset(slot)

    def _advance(self, codes: Tensor, active: Tensor | None) -> Tensor:
        mimi = self._mimi
        if codes.shape[2] == 0:
            return torch.zeros(codes.shape[0], 0, device=mimi.device)
        x = mimi.quantizer.decode(codes)
        x = mimi.upsample(x, self._upsample, active)
        x = mimi.decoder_transformer(x, self._cache, active)
        x = mimi.decoder_seanet(x, self._seanet, active)
        return x.flatten(1).float().clamp_(-1, 1)


class StreamingEncoder:
    """Waveform to codes as it comes, frame by frame."""

    @torch.inference_mode()
    def __init__(self, mimi: Mimi, window: Window, longest: int) -> None:
        self._mimi = mimi
        self._longest = longest
        self._seanet = mimi.encoder_seanet.new_state(1)
        positions = longest * mimi.config.stride
        self._cache = mimi.encoder_transformer.new_cache(1, positions, mimi.look_back(window))
        self._downsample = mimi.downsample.new_state(1)

    def step(self, wave: Tensor) -> Tensor:
        """The next samples [frame_size * n] to codes [codebooks, n]. Raises ValueError."""
        if wave.shape[0] % self._mimi.frame_size:
            raise ValueError(f"{wave.shape[0]} samples are not whole frames")
        return self.finish(wave)

    @torch.inference_mode()
    def finish(self, wave: Tensor) -> Tensor:
        """The last samples [any number] to codes: what misses in the last frame is filled up."""
        pieces = [
            self._advance(piece)
            for piece in torch.split(wave, self._longest * self._mimi.frame_size)
        ]
        return torch.cat(pieces, 1)

    def _advance(self, wave: Tensor) -> Tensor:
        mimi = self._mimi
        if wave.shape[0] == 0:
            return torch.zeros(mimi.codebooks, 0, dtype=torch.long, device=mimi.device)
        x = wave.to(mimi.quantizer.table.dtype)[None, :, None]
        x = mimi.encoder_seanet(x, self._seanet)
        x = mimi.encoder_transformer(x, self._cache)
        x = mimi.downsample(x, self._downsample)
        return mimi.quantizer.encode(x[0])
