"""Tests of Mimi: what was recorded, a plain implementation, and pieces against the whole."""

import itertools
import sys
from collections.abc import Iterable

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.paths import GOLDENS
from tests.tts.dia2.mimi.plain_mimi import TINY, RandomWeights, random_mimi
from tts.dia2.fast.select import load_codec
from tts.dia2.mimi.codec import Mimi, StreamingDecoder, Window
from tts.dia2.mimi.config import MimiConfig
from tts.dia2.mimi.transformer import MaskedAttention

GOLDEN = GOLDENS / "c6"
torch.set_num_threads(1)  # these networks are too small to share out

OTHERS = {
    "as published": {},
    "two residual blocks": {"num_residual_layers": 2, "dilation_growth_rate": 3},
    "projected shortcuts": {"use_conv_shortcut": True, "compress": 4},
    "other kernels": {"kernel_size": 5, "last_kernel_size": 5, "residual_kernel_size": 5},
    "shared keys": {"num_attention_heads": 4, "head_dim": 8},
    "two semantic codebooks": {"num_semantic_quantizers": 2, "num_quantizers": 6},
    "no projections": {"codebook_dim": 32, "vector_quantization_hidden_dimension": 32},
    "four positions a frame": {"upsampling_ratios": [5, 6, 8], "frame_rate": 25.0},
    "other constants": {"rope_theta": 100.0, "norm_eps": 0.1, "sliding_window": 5},
}


@pytest.fixture(scope="module")
def mimi() -> Mimi:
    return load_codec(GOLDEN / "mimi")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Tensor]:
    return load_file(GOLDEN / "mimi_codec.safetensors")


def random_codes(mimi: Mimi, frames: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    size = mimi.config.codebook_size
    return torch.randint(0, size, (mimi.codebooks, frames), generator=random)


def random_wave(samples: int) -> Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(1)) / 3


def signal_to_noise(got: Tensor, wanted: Tensor) -> float:
    noise = (got.double() - wanted.double()).square().sum()
    return float(10 * torch.log10(wanted.double().square().sum() / noise))


def stream(decoder: StreamingDecoder, codes: Tensor, pieces: Iterable[int]) -> Tensor:
    """Codes of one utterance decoded in pieces of so many frames."""
    parts = torch.split(codes, list(pieces), 1)
    return torch.cat([decoder.step(part[None])[0] for part in parts])


def test_sizes(mimi: Mimi) -> None:
    assert (mimi.sample_rate, mimi.frame_rate) == (24_000, 12.5)
    assert (mimi.frame_size, mimi.codebooks) == (1920, 6)


def test_recorded_decoding(mimi: Mimi, recorded: dict[str, Tensor]) -> None:
    wave = mimi.decode(recorded["dec_c_codes"][0])
    assert wave.dtype == torch.float32
    assert signal_to_noise(wave, recorded["dec_c_raw"].clamp(-1, 1)) >= 100


def test_recorded_encoding(mimi: Mimi, recorded: dict[str, Tensor]) -> None:
    assert torch.equal(mimi.encode(recorded["enc_b_wave"]), recorded["enc_b_codes"].long())


def test_samples_are_limited(mimi: Mimi) -> None:
    loud = mimi.decode(random_codes(mimi, 40))
    assert loud.abs().max() == 1


@pytest.mark.parametrize("sizes", OTHERS.values(), ids=OTHERS)
@torch.inference_mode()
def test_plain_implementation(sizes: dict[str, object]) -> None:
    mimi, plain = random_mimi(**{**TINY, **sizes})
    codes = random_codes(mimi, 21)
    whole = plain.decode(codes)
    assert whole.abs().max() > 0.1
    assert signal_to_noise(mimi.decode(codes), whole.clamp(-1, 1)) >= 110
    wave = random_wave(21 * mimi.frame_size - 700)
    assert torch.equal(mimi.encode(wave), plain.encode(wave))


@pytest.mark.long
@pytest.mark.parametrize("window", ["codec", 7, None])
@torch.inference_mode()
def test_windows(window: Window) -> None:
    mimi, plain = random_mimi(**TINY)
    plain.window = 12 if window == "codec" else window
    codes, wave = random_codes(mimi, 37), random_wave(37 * 1920)
    whole = plain.decode(codes).clamp(-1, 1)
    assert signal_to_noise(mimi.decode(codes, window=window), whole) >= 110
    one_by_one = stream(mimi.decoder(window=window), codes, itertools.repeat(1, 37))
    assert signal_to_noise(one_by_one, whole) >= 110
    assert torch.equal(mimi.encode(wave, window=window), plain.encode(wave))


@pytest.mark.parametrize("piece", [1, 2, 7, "random"])
def test_stream_equals_whole(mimi: Mimi, piece: int | str) -> None:
    codes = random_codes(mimi, 42)
    pieces = (
        [1, 5, 3, 12, 1, 1, 16, 2, 1] if piece == "random" else [int(piece)] * (42 // int(piece))
    )
    whole, pieced = mimi.decode(codes), stream(mimi.decoder(), codes, pieces)
    assert (pieced - whole).abs().max() <= 1e-4
    assert signal_to_noise(pieced, whole) >= 110


def test_stream_of_waveform_equals_whole(mimi: Mimi) -> None:
    wave = random_wave(20 * 1920 + 500)
    whole, encoder = mimi.encode(wave), mimi.encoder()
    pieces = [
        encoder.step(part) for part in torch.split(wave[: 20 * 1920], [1920, 3840, 13440, 19200])
    ]
    assert torch.equal(torch.cat([*pieces, encoder.finish(wave[20 * 1920 :])], 1), whole)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (1920, 1), (1921, 2), (5000, 3)])
def test_lengths(mimi: Mimi, samples: int, frames: int) -> None:
    codes = mimi.encode(torch.zeros(samples))
    assert codes.shape == (6, frames)
    assert mimi.decode(codes).shape == (1920 * frames,)


def test_slots_do_not_disturb_each_other(mimi: Mimi) -> None:
    """One utterance throughout, one that starts again twice, one that waits every other step."""
    first, second, third = (random_codes(mimi, 24, seed) for seed in range(3))
    decoder = mimi.decoder(slots=3)
    heard: list[list[Tensor]] = [[], [], []]
    for step in range(24):
        if step in (5, 16):
            decoder.reset(1)
            heard[1].clear()
        moving = torch.tensor([True, True, step % 2 == 0])
        codes = torch.stack((first[:, step], second[:, step], third[:, step // 2]))
        samples = decoder.step(codes[:, :, None], moving)
        for slot in range(3):
            if moving[slot]:
                heard[slot].append(samples[slot])
    for slot, codes in enumerate((first, second[:, 16:], third[:, :12])):
        assert signal_to_noise(torch.cat(heard[slot]), mimi.decode(codes)) >= 110


def test_an_idle_slot_keeps_its_past_through_long_steps() -> None:
    mimi, _ = random_mimi(**TINY)
    codes = random_codes(mimi, 30)
    decoder, only_first = mimi.decoder(slots=2), torch.tensor([True, False])
    both = codes[None].expand(2, -1, -1)
    before = decoder.step(both[:, :, :15])[1]
    decoder.step(both[:, :, 15:], only_first)
    after = decoder.step(both[:, :, 15:])[1]
    assert signal_to_noise(torch.cat((before, after)), mimi.decode(codes)) >= 110


def test_a_reset_stream_without_window_starts_anew(mimi: Mimi) -> None:
    codes, decoder = random_codes(mimi, 12), mimi.decoder(window=None)
    stream(decoder, random_codes(mimi, 30, 1), [30])
    decoder.reset()
    assert signal_to_noise(stream(decoder, codes, [5, 7]), mimi.decode(codes)) >= 110


def test_a_step_can_be_captured() -> None:
    """It looks at no data, which the meta device has none of, and its state stays where it is."""
    with torch.inference_mode():
        config = MimiConfig(**TINY)
        mimi = Mimi(RandomWeights(device="meta"), config, config.num_quantizers)
    codes = torch.zeros(2, 4, 3, dtype=torch.long, device="meta")
    active = torch.ones(2, dtype=torch.bool, device="meta")
    assert mimi.decoder(slots=2).step(codes, active).shape == (2, 3 * 1920)

    mimi, _ = random_mimi(**TINY)
    decoder = mimi.decoder()
    states = [decoder._upsample, *decoder._seanet]
    state = [*decoder._cache.rings, decoder._cache.position, *(state.tail for state in states)]
    places = [tensor.data_ptr() for tensor in state]
    decoder.step(random_codes(mimi, 4)[None])
    now = [*decoder._cache.rings, decoder._cache.position, *(state.tail for state in states)]
    assert [tensor.data_ptr() for tensor in now] == places


def test_first_codebooks_alone(recorded: dict[str, Tensor]) -> None:
    three = load_codec(GOLDEN / "mimi", codebooks=3)
    codes = three.encode(recorded["enc_b_wave"])
    assert torch.equal(codes, recorded["enc_b_codes"][:3].long())
    assert three.decode(codes).shape == (1920 * 7,)
    one = load_codec(GOLDEN / "mimi", codebooks=1)
    assert one.decode(one.encode(recorded["enc_b_wave"])).isfinite().all()


def test_bfloat16(mimi: Mimi) -> None:
    half = load_codec(GOLDEN / "mimi", dtype=torch.bfloat16)
    codes = random_codes(mimi, 10)
    wave = half.decode(codes)
    assert wave.dtype == torch.float32
    assert signal_to_noise(wave, mimi.decode(codes)) > 20
    assert half.encode(wave).shape == (6, 10)


def test_what_is_no_codes(mimi: Mimi) -> None:
    with pytest.raises(ValueError, match=r"\[5, 2\], not \[6, frames\]"):
        mimi.decode(torch.zeros(5, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="codes go from 0 to 63"):
        mimi.decode(torch.full((6, 2), 64))
    with pytest.raises(ValueError, match="codes go from 0 to 63"):
        mimi.decode(torch.full((6, 2), -1))


def test_what_is_no_waveform(mimi: Mimi) -> None:
    with pytest.raises(ValueError, match=r"is \[samples\], not \[1, 1920\]"):
        mimi.encode(torch.zeros(1, 1920))
    with pytest.raises(ValueError, match="1000 samples are not whole frames"):
        mimi.encoder().step(torch.zeros(1000))


@pytest.mark.long
def test_without_numba(mimi: Mimi, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's operators, as on a GPU: the same, to rounding."""
    monkeypatch.delattr("tts.dia2.fast.cpu.mimi_loops")
    monkeypatch.setitem(sys.modules, "tts.dia2.fast.cpu.mimi_loops", None)
    other = load_codec(GOLDEN / "mimi")
    transformers = (mimi.decoder_transformer, other.decoder_transformer)
    assert [each.attention is MaskedAttention for each in transformers] == [False, True]
    codes = random_codes(mimi, 40)
    whole = mimi.decode(codes)
    torch.testing.assert_close(other.decode(codes), whole, rtol=0, atol=2e-6)
    pieces = stream(other.decoder(), codes, [1, 4, 2, 3] * 4)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=2e-6)
    assert torch.equal(other.encode(whole), mimi.encode(whole))
