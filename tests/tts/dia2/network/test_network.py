"""Tests of the network: the recorded numbers, whichever way they are computed."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.dia2_verify.network import NETWORK
from tests.paths import GOLDENS
from tests.tiny_dia2 import make
from tests.tts.dia2.networks import load_model
from tts.dia2.network import model
from tts.dia2.network.model import Model
from tts.transformer import kv_cache as cache

RECORDED = load_file(GOLDENS / "a32/net.safetensors")
TOKENS, POSITIONS = RECORDED["tokens_in"].long(), RECORDED["positions"][:, 0].long()


@pytest.fixture(scope="module")
def a32() -> Model:
    return load_model(GOLDENS / "a32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4)


def noise(time: int) -> tuple[Tensor, Tensor]:
    """Random columns for a tiny model, and their positions."""
    tokens = torch.randint(0, 60, (time, 2, 6), generator=torch.Generator().manual_seed(time))
    return tokens, torch.arange(time)


@torch.inference_mode()
def steps(network: Model, tokens: Tensor, positions: Tensor, slot: int = 0) -> Tensor:
    """Hidden states of one slot, step by step; the other slots idle with noise."""
    active = [n == slot for n in range(network.slots)]
    states = []
    for column, position in zip(tokens, positions, strict=True):
        batch = torch.randint(0, 60, (network.slots, *column.shape))
        batch[slot] = column
        places = torch.full((network.slots,), int(position))
        states.append(network.step(batch, places, active)[slot])
    return torch.stack(states)


def test_a_prefill_in_chunks_is_the_same_as_steps(
    a32: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a position comes twice (recorded at step 30), and in a chunk's last row."""
    monkeypatch.setattr(model, "CHUNK", 7)
    a32.cache.truncate(0)
    with torch.inference_mode():
        got = a32.prefill(0, TOKENS, POSITIONS)
    torch.testing.assert_close(got, RECORDED["hidden"], rtol=0, atol=NETWORK)
    assert a32.cache.filled == [len(TOKENS)]
    assert a32.cache.lengths.tolist() == [len(TOKENS)]


def test_steps_go_on_after_a_prefill(a32: Model) -> None:
    a32.cache.truncate(0)
    with torch.inference_mode():
        a32.prefill(0, TOKENS[:20], POSITIONS[:20])
    got = steps(a32, TOKENS[20:], POSITIONS[20:])
    torch.testing.assert_close(got, RECORDED["hidden"][20:], rtol=0, atol=NETWORK)


def test_attention_over_the_whole_buffer_is_the_same(
    a32: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way a GPU takes: every slot sees all of the buffer, under a mask."""
    monkeypatch.setattr(cache, "is_static", lambda _device: True)
    a32.cache.truncate(0)
    a32.cache.keys.fill_(3.0)  # what an earlier utterance left
    a32.cache.values.fill_(3.0)
    torch.testing.assert_close(
        steps(a32, TOKENS, POSITIONS), RECORDED["hidden"], rtol=0, atol=NETWORK
    )


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("slot", [0, 2])
def test_idle_slots_change_nothing(
    slot: int, static: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "is_static", lambda _device: static)
    alone, several = load_model(folder), load_model(folder, slots=3)
    tokens, positions = noise(9)
    got = steps(several, tokens, positions, slot)
    torch.testing.assert_close(got, steps(alone, tokens, positions), rtol=0, atol=1e-5)
    assert several.cache.filled == [9 if n == slot else 0 for n in range(3)]


def test_one_branch_is_the_first_of_two(folder: Path) -> None:
    tokens, positions = noise(6)
    both = steps(load_model(folder), tokens, positions)
    one = steps(load_model(folder, branches=1), tokens[:, :1], positions)
    torch.testing.assert_close(one, both[:, :1], rtol=0, atol=1e-5)


def test_a_saved_slot_goes_on_in_another(folder: Path) -> None:
    network = load_model(folder, slots=2)
    tokens, positions = noise(8)
    whole = steps(network, tokens, positions)
    network.cache.truncate(0, 5)
    saved = network.cache.save(0)
    network.cache.truncate(0)
    network.cache.restore(1, saved)
    got = steps(network, tokens[5:], positions[5:], slot=1)
    torch.testing.assert_close(got, whole[5:], rtol=0, atol=1e-5)


def test_bfloat16_is_near(folder: Path) -> None:
    exact, half = load_model(folder), load_model(folder, dtype=torch.bfloat16)
    tokens, positions = noise(12)
    a, b = steps(exact, tokens, positions), steps(half, tokens, positions)
    assert b.dtype == torch.bfloat16
    logits = half.first_codebook(b)
    assert logits.dtype == torch.float32
    assert 0 < float((logits - exact.first_codebook(a)).abs().mean()) < 0.1


def test_a_frame_s_stages_see_only_that_frame(a32: Model) -> None:
    hidden = RECORDED["hidden"][:1]
    previous, text = RECORDED["dep_prev"][0, :, 0].long(), torch.tensor([[9, 4]])

    @torch.inference_mode()
    def logits() -> Tensor:
        frame = a32.new_frame()
        frame.seen.fill_(7.0)
        return torch.stack(
            [a32.next_codebook(k, hidden, previous[k : k + 1], text, frame) for k in range(31)]
        )

    assert torch.equal(logits(), logits())
    assert logits().shape == (31, 1, 2, 64)
