"""Tests of the codec: what was recorded, pieces against the whole, and what is final when."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.paths import DIA_GOLDENS
from tests.tts.dia.codec.random_dac import random_dac
from tts.dia.codec.codec import Dac, StreamingDecoder

torch.set_num_threads(1)  # these networks are too small to share out


class Golden:
    """A tiny codec, and what was recorded of it."""

    def __init__(self, folder: Path) -> None:
        self.dac = Dac.load(folder / "dac")
        self.tensors = load_file(folder / "codec.safetensors")
        self.said: dict[str, Any] = json.loads((folder / "codec.json").read_text())

    def decodes(self) -> list[tuple[Tensor, Tensor, dict[str, Any]]]:
        """Codes [codebooks, frames], the waveform, and what was seen of it."""
        return [
            (self.tensors[f"dac.{i}.codes"].long().T, self.tensors[f"dac.{i}.wave"].flatten(), seen)
            for i, seen in enumerate(self.said["dac"])
        ]


@pytest.fixture(scope="module", params=["full9", "small5"])
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(DIA_GOLDENS / request.param)


def random_codes(dac: Dac, frames: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, dac.config.codebook_size, (dac.codebooks, frames), generator=random)


def signal_to_noise(got: Tensor, wanted: Tensor) -> float:
    noise = (got.double() - wanted.double()).square().sum()
    return float(10 * torch.log10(wanted.double().square().sum() / noise))


def stream(decoder: StreamingDecoder, codes: Tensor, piece: int) -> list[Tensor]:
    return [*map(decoder.step, torch.split(codes, piece, 1)), decoder.finish()]


def test_recorded_decoding(golden: Golden) -> None:
    for codes, wave, _ in golden.decodes():
        got = golden.dac.decode(codes)
        assert got.shape == wave.shape
        assert (got - wave).abs().max() <= 5e-4


def test_recorded_latents_and_codes(golden: Golden) -> None:
    wave, wanted = golden.tensors["voice.wave"], golden.tensors["voice.codes"].T
    assert (golden.dac.latents(wave) - golden.tensors["voice.latent"]).abs().max() <= 2e-4
    sure = golden.tensors["voice.gap"].T > 1e-4
    assert torch.equal(golden.dac.encode(wave)[sure], wanted.long()[sure])
    assert sure.float().mean() > 0.9


def test_what_is_final_after_each_frame(golden: Golden) -> None:
    assert golden.dac.look_ahead == golden.said["lookahead"]
    for codes, _, seen in golden.decodes():
        pieces = stream(golden.dac.decoder(), codes, 1)
        known = np.cumsum([len(piece) for piece in pieces])
        assert list(known[:-2]) == seen["ready"][:-1]
        assert known[-1] == seen["ready"][-1] == seen["samples"]


@pytest.mark.parametrize("piece", [1, 3, 4, 100])
def test_a_stream_gives_the_whole(golden: Golden, piece: int) -> None:
    for codes, _, _ in golden.decodes():
        got = torch.cat(stream(golden.dac.decoder(), codes, piece))
        assert signal_to_noise(got, golden.dac.decode(codes)) >= 100


def test_streams_do_not_meet(golden: Golden) -> None:
    codes = random_codes(golden.dac, 20)
    one, other = golden.dac.decoder(), golden.dac.decoder()
    pieces = []
    for piece in torch.split(codes, 5, 1):
        other.step(piece.flip(0))
        pieces.append(one.step(piece))
    got = torch.cat([*pieces, one.finish()])
    assert signal_to_noise(got, golden.dac.decode(codes)) >= 100


def test_nothing_is_decoded_to_nothing(golden: Golden) -> None:
    none = torch.zeros(golden.dac.codebooks, 0, dtype=torch.long)
    assert golden.dac.decode(none).shape == (0,)
    assert golden.dac.decoder().finish().shape == (0,)


def test_encoding_takes_a_signal_of_any_length(golden: Golden) -> None:
    """Longer than what goes through the layers at a time, and not in whole frames."""
    size = golden.dac.frame_size
    wave = torch.randn(40 * size + 7, generator=torch.Generator().manual_seed(1)) / 5
    codes = golden.dac.encode(wave)
    assert codes.shape == (golden.dac.codebooks, 41)
    assert torch.equal(golden.dac.encode(wave.numpy()), codes)
    # What lies far behind changes nothing before it.
    assert torch.equal(golden.dac.encode(wave[: 20 * size])[:, :9], codes[:, :9])


def test_codes_that_are_none(golden: Golden) -> None:
    with pytest.raises(ValueError, match="codes are"):
        golden.dac.decode(torch.zeros(2, 5, dtype=torch.long))
    with pytest.raises(ValueError, match="codes go from 0 to"):
        golden.dac.decode(torch.full((golden.dac.codebooks, 5), 1024))
    with pytest.raises(ValueError, match="a waveform is"):
        golden.dac.encode(torch.zeros(2, 5))


def test_real_size() -> None:
    dac = random_dac()
    assert (dac.sample_rate, dac.frame_size, dac.codebooks) == (44_100, 512, 9)
    assert dac.look_ahead == 4757
    codes = random_codes(dac, 13)
    pieces = stream(dac.decoder(), codes, 4)
    assert [len(piece) for piece in pieces] == [0, 0, 12 * 512 - 4757, 512, 4757]
    assert signal_to_noise(torch.cat(pieces), dac.decode(codes)) >= 100
