"""The Descript Audio Codec: 44.1 kHz sound as some 86 frames of codes a second.

It is not causal: at the real sizes a sample depends on nine frames and a bit on either side. A
stream keeps what each layer still needs, and so gives, piece by piece, what the whole gives at
once: the first samples with the tenth frame, and what is left at the end.
"""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia.codec.config import KERNEL, DacConfig
from tts.dia.codec.layers import (
    Downsample,
    Layer,
    Sequential,
    Upsample,
    centred,
    residuals,
)
from tts.dia.codec.quantizer import Quantizer
from tts.dia.codec.weights import DacWeights

LAST_KERNEL = 3  # before the codes
WHOLE = 16  # frames that the whole of a signal takes through the layers at a time


class Dac:
    """The codec, both ways; `load` makes one.

    Any number of streams may be open on it, each with a state of its own.
    """

    def __init__(self, weights: DacWeights, config: DacConfig) -> None:
        self.config = config
        self.codebooks = config.n_codebooks
        self.sample_rate = config.sampling_rate
        self.frame_size = config.hop
        self.frame_rate = config.sampling_rate / config.hop
        self.look_ahead = config.look_ahead
        self.quantizer = Quantizer(weights, config)
        self.decoder_layers = _decoder(weights, config)
        self.encoder_layers = _encoder(weights, config)

    @classmethod
    @torch.inference_mode()
    def load(cls, folder: Path | str, device: torch.device | str = "cpu") -> Self:
        """Load a folder in the layout of descript/dac_44khz: `config.json`, `model.safetensors`.

        A folder with Descript's own tensors (`tts.dia.codec.weights`) needs no configuration: then
        it is the one of the 44.1 kHz model. Raises TextToSpeechError: not such a folder, tensors
        missing, unknown or of another shape, pickled weights.
        """
        from tts.dia.codec import config_json

        folder = Path(folder)
        beside = list(folder.glob("*.safetensors")) + list(folder.glob("*.pth"))
        lone = beside and not (folder / "config.json").exists()
        config = DacConfig() if lone else config_json.read(folder)
        weights = DacWeights(folder, config, torch.device(device), torch.float32)
        codec = cls(weights, config)
        weights.finish()
        return codec

    @property
    def device(self) -> torch.device:
        """Where the codec computes."""
        return self.quantizer.table.device

    @torch.inference_mode()
    def decode(self, codes: Tensor | NDArray[np.integer]) -> Tensor:
        """Codes [codebooks, frames] to a waveform [frame_size * frames], float32 in [-1, 1].

        Raises ValueError: another number of codebooks, a code out of range.
        """
        codes = torch.as_tensor(codes, device=self.device).long()
        if codes.ndim != 2 or codes.shape[0] != self.codebooks:
            raise ValueError(f"codes are {list(codes.shape)}, not [{self.codebooks}, frames]")
        if codes.numel() and not 0 <= codes.min() <= codes.max() < self.config.codebook_size:
            raise ValueError(f"codes go from 0 to {self.config.codebook_size - 1}")
        stream = StreamingDecoder(self)
        pieces = torch.split(codes, WHOLE, 1)
        return torch.cat([*map(stream.step, pieces), stream.finish()])

    @torch.inference_mode()
    def encode(self, wave: Tensor | NDArray[np.float32]) -> Tensor:
        """A waveform [samples] to codes [codebooks, frames], the last frame filled up."""
        return self.quantizer.encode(self.latents(wave))

    @torch.inference_mode()
    def latents(self, wave: Tensor | NDArray[np.float32]) -> Tensor:
        """What `encode` finds codes for, [frames, hidden_size]."""
        wave = torch.as_tensor(wave, device=self.device)
        if wave.ndim != 1:
            raise ValueError(f"a waveform is [samples], not {list(wave.shape)}")
        x = torch.nn.functional.pad(wave, (0, -wave.shape[0] % self.frame_size))
        state = self.encoder_layers.new_state()
        pieces = torch.split(x[None, :, None], WHOLE * self.frame_size, 1)
        latents = [self.encoder_layers(piece, state, piece is pieces[-1]) for piece in pieces]
        return torch.cat([each for each in latents if each.shape[1]], 1)[0]

    def decoder(self) -> "StreamingDecoder":
        """A stream of codes to waveform."""
        return StreamingDecoder(self)


class StreamingDecoder:
    """Codes to waveform as they come: samples that no further frame can change, none revised.

    After n frames there are n * frame_size - look_ahead of them, if that many.
    """

    def __init__(self, dac: Dac) -> None:
        self._dac = dac
        self._state = dac.decoder_layers.new_state()
        self._begun = False

    @torch.inference_mode()
    def step(self, codes: Tensor) -> Tensor:
        """Take the next codes [codebooks, n], in range; the samples that they complete."""
        self._begun = self._begun or codes.shape[1] > 0
        return self._advance(self._dac.quantizer.decode(codes), last=False)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """End the stream; the samples that are left."""
        table = self._dac.quantizer.table
        nothing = table.new_empty(1, 0, self._dac.config.hidden_size)
        return self._advance(nothing, last=self._begun)

    def _advance(self, latents: Tensor, *, last: bool) -> Tensor:
        x = self._dac.decoder_layers(latents, self._state, last)
        return x.flatten().tanh_() if x.shape[1] else x.new_empty(0)


def _decoder(weights: DacWeights, config: DacConfig) -> Sequential:
    """Latents [1, time, hidden_size] to waveform [1, hop * time, 1], before its tanh."""
    channels = config.decoder_hidden_size
    layers: list[Layer] = [centred(weights, "decoder.conv1", config.hidden_size, channels, KERNEL)]
    for number, ratio in enumerate(config.upsampling_ratios):
        name = f"decoder.block.{number}"
        layers.append(Upsample(weights, name, channels, channels // 2, ratio))
        channels //= 2
        layers += residuals(weights, name, channels)
    layers.append(centred(weights, "decoder.conv2", channels, 1, KERNEL, unit="decoder.snake1"))
    return Sequential(layers)


def _encoder(weights: DacWeights, config: DacConfig) -> Sequential:
    """Waveform [1, time, 1] to latents [1, time / hop, hidden_size]."""
    channels = config.encoder_hidden_size
    layers: list[Layer] = [centred(weights, "encoder.conv1", 1, channels, KERNEL)]
    for number, ratio in enumerate(config.downsampling_ratios):
        name = f"encoder.block.{number}"
        layers += residuals(weights, name, channels)
        layers.append(Downsample(weights, name, channels, 2 * channels, ratio))
        channels *= 2
    layers.append(
        centred(weights, "encoder.conv2", channels, channels, LAST_KERNEL, unit="encoder.snake1")
    )
    return Sequential(layers)
