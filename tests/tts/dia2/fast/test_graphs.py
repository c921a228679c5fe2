"""Tests of the steps that a GPU captures: called as they are here, they draw the same tokens."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_dia2 import make
from tests.tts.dia2.exact import watch
from tests.tts.dia2.networks import load_model, make_sequence, words
from tts.dia2 import bundle
from tts.dia2.dia2 import Dia2
from tts.dia2.fast.gpu import graphs
from tts.dia2.fast.gpu.graphs import Graphs, capture
from tts.dia2.fast.model import FastModel
from tts.dia2.network import config_json
from tts.dia2.network import model as plain
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.graph_stepper import GraphStepper, new_stepper
from tts.dia2.serving.sequence import Sequence, Status
from tts.dia2.serving.stepper import Stepper
from tts.transformer.capture import Capture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4)


def fast(folder: Path, slots: int, dtype: torch.dtype = torch.float32) -> Model:
    config = config_json.read(folder / "config.json")
    return FastModel(config, folder / "model.safetensors", slots=slots, dtype=dtype)


def sequence(model: Model, seed: int) -> Sequence:
    """Different texts, settings and lengths."""
    sampling = [Sampling(), Sampling(audio_temperature=0), Sampling(scale=1)][seed % 3]
    made = make_sequence(model.config, seed, sampling=sampling)
    made.machine.add(words(*[1 + seed % 3] * (1 + seed)))
    made.machine.close()
    return made


def joining(stepper: Stepper, count: int) -> list[Sequence]:
    """Takes that come and go at odd times; the second one is broken off."""
    chance, sequences = random.Random(1), [sequence(stepper.model, seed) for seed in range(count)]
    waiting = list(sequences)
    while waiting or any(stepper.sequences):
        while waiting and stepper.free and chance.random() < 0.3:
            stepper.admit(waiting.pop(0))
        stepper.step()
        for slot, each in enumerate(stepper.sequences):
            if each is not None and (each.finished or (each is sequences[1] and each.step == 12)):
                stepper.release(slot)
    return sequences


@pytest.mark.parametrize("kind", ["plain", "fast"])
def test_the_same_tokens(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "SHORTEST", 16)  # so that the cache outgrows graphs
    make_model: Callable[..., Model] = load_model if kind == "plain" else fast
    readable, model = load_model(folder, slots=3), make_model(folder, slots=3)
    stepper = GraphStepper(model, Graphs(model))
    assert stepper.graphs.widths == [1, 2, 3]
    assert stepper.graphs.spans[:3] == [16, 32, 64]
    with watch(readable, model) as draws:
        for got, want in zip(joining(stepper, 6), joining(Stepper(readable), 6), strict=True):
            draws.same(got, want)
    assert stepper.model.cache.filled == stepper.model.cache.lengths.tolist() == [0, 0, 0]


def counted(graphs: Graphs) -> Counter[str]:
    """How often each kind of graph is launched from now on."""
    launched: Counter[str] = Counter()

    def count(kind: str, run: Callable[[], object]) -> object:
        launched[kind] += 1
        return run()

    for kind in ("backbone", "depth", "full"):
        for key, run in (found := getattr(graphs, kind)).items():
            found[key] = partial(count, kind, run)
    return launched


def test_a_step_is_one_graph_unless_text_is_missing(folder: Path) -> None:
    """And while nothing would read the audio, it is the backbone's alone."""
    model = fast(folder, 2)
    captured = Graphs(model)
    launched, stepper = counted(captured), new_stepper(model, captured)
    whole = sequence(model, 4)
    stepper.admit(whole)
    for _ in range(30):
        assert stepper.step()
    assert launched == {"backbone": 15, "full": 15}  # the first codebook's delay is 16
    assert whole.step == 30

    launched.clear()
    late = make_sequence(model.config, 7, published=True)
    late.machine.add(words(1, 1))
    stepper.admit(late)
    while late.status is not Status.STARVED:
        assert stepper.step()
    assert launched["backbone"] == launched["depth"] >= 1
    launched.clear()
    for _ in range(5):
        assert stepper.step()
    assert launched == {"full": 5}  # who waits holds up nobody
    late.machine.close()
    assert stepper.step()
    assert launched == {"full": 5, "backbone": 1, "depth": 1}
    assert late.status is not Status.STARVED


@pytest.mark.parametrize("seed", range(3))
def test_text_that_is_late_draws_the_same(folder: Path, seed: int) -> None:
    """In whichever graphs the steps come meanwhile, and through a pause that is forced."""
    model = fast(folder, 2)
    with watch(model) as draws:
        for want, got in zip(*late(model, seed), strict=True):
            draws.same(got, want)


def late(model: Model, seed: int) -> list[list[Sequence]]:
    """Two utterances whose text comes late: stepped plainly, then in graphs."""
    runs = []
    for stepper in (Stepper(model), new_stepper(model, Graphs(model))):
        chance = random.Random(seed)
        sequences = [make_sequence(model.config, seed, published=n == 1) for n in range(2)]
        runs.append(sequences)
        slots = [stepper.admit(each) for each in sequences]
        left = [[*words(2, 1, 0, 3, 1), *words(1, 2, 2)] for _ in sequences]
        while not all(each.finished for each in sequences):
            if stepper.step() and chance.random() < 0.8:
                continue
            for each, rest in zip(sequences, left, strict=True):
                if each.status is Status.STARVED and chance.random() < 0.1:
                    each.pause()
                elif rest:
                    each.machine.add([rest.pop(0)])
                else:
                    each.machine.close()
        for slot in slots:
            stepper.release(slot)
    return runs


def test_captured_once_for_all_steppers(folder: Path) -> None:
    model = fast(folder, 2)
    assert capture(model) is None  # not on a GPU
    assert type(new_stepper(model)) is Stepper
    captured = Graphs(model)
    runs = [joining(new_stepper(model, captured), 3) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert np.array_equal(first.grid, second.grid)


def test_capturing_is_replayed_from_the_first_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capturing runs a graph's function several times: no slot may have moved by that."""

    class Capturing(Capture):
        def __call__(self, run: Callable[[], object]) -> Callable[[], object]:
            for _ in range(3):
                run()
            return run

    monkeypatch.setattr(graphs, "Capture", Capturing)
    eager, model = fast(folder, 2), fast(folder, 2)
    stepper = GraphStepper(model, Graphs(model))
    with watch(eager, model) as draws:
        for got, want in zip(joining(stepper, 2), joining(Stepper(eager), 2), strict=True):
            draws.same(got, want)


def test_progress_is_told(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    made = Graphs(fast(folder, 3), progress=lambda done, count: told.append((done, count)))
    assert told[-1] == (len(made), len(made))
    assert len(told) == len(made.widths) * len(made.spans)


def test_loaded_for_a_gpu_it_speaks_in_graphs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = Dia2.load(folder, device="cpu")
    monkeypatch.setattr(bundle, "capture", Graphs)
    quick = Dia2.load(folder, device="cpu")
    with quick.exclusively():
        assert isinstance(new_stepper(quick.model, quick.graphs), GraphStepper)
    with watch(eager.model, quick.model) as draws:
        one, other = (each.generate("one two three", seed=1) for each in (eager, quick))
    if draws.same(*draws.steps):
        assert np.array_equal(one.audio_tokens, other.audio_tokens)


def test_without_graphs_it_steps_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> Graphs:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    model = fast(folder, 1)
    monkeypatch.setattr(model, "device", torch.device("cuda"))
    monkeypatch.setattr(graphs, "Graphs", full)
    assert capture(model) is None
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "without CUDA graphs" in record.message
    assert "(CUDA out of memory.)" in record.message


def test_what_capturing_asks_of_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a CUDA that only notes it: calls to warm up, then one in a capture, on a stream aside."""
    told: list[object] = []

    class Stream:
        def __init__(self, *_: object) -> None:
            pass

        def wait_stream(self, _: object) -> None:
            told.append("wait")

        def synchronize(self) -> None:
            told.append("synchronize")

    class CUDAGraph:
        def capture_begin(self, **options: object) -> None:
            told.append(options)

        def capture_end(self) -> None:
            told.append("end")

        def replay(self) -> None:
            told.append("replay")

    for name, value in {
        "Stream": Stream,
        "CUDAGraph": CUDAGraph,
        "graph_pool_handle": lambda: "pool",
        "device": lambda _: nullcontext(),
        "stream": lambda _: nullcontext(),
        "current_stream": Stream,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    make = Capture(torch.device("cuda"))
    told.clear()
    replay = make(lambda: told.append("run"))
    begin = {"pool": "pool", "capture_error_mode": "thread_local"}
    assert told == ["wait", "run", "run", "synchronize", begin, "run", "end", "wait"]
    replay()
    assert told[8:] == ["replay"]

    def broken() -> None:
        if begin in told[8:]:
            raise RuntimeError("not while capturing")

    with pytest.raises(RuntimeError, match="not while capturing"):
        make(broken)
    assert told[-1] == "end"


def test_bfloat16_is_near(folder: Path) -> None:
    wide, half = load_model(folder), fast(folder, 1, torch.bfloat16)
    column, place = torch.full((1, 2, 6), 9), torch.zeros(1, dtype=torch.int64)
    with torch.inference_mode():
        states = [model.step(column, place, [True]) for model in (wide, half)]
        logits = [
            model.next_codebook(0, state, place, torch.tensor([[9, 4]]), model.new_frame())
            for model, state in zip((wide, half), states, strict=True)
        ]
    assert states[1].dtype == torch.bfloat16
    assert logits[1].dtype == torch.float32
    torch.testing.assert_close(states[1].float(), states[0], rtol=0, atol=0.1)
    torch.testing.assert_close(logits[1], logits[0], rtol=0, atol=0.1)
