"""Checks of whole generations: offline, and with the text arriving in random fragments."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.dia2_verify.goldens import Trace, traces
from bench.dia2_verify.network import DISTRIBUTION, Loading
from bench.dia2_verify.replay import GraphReplay, Replay
from bench.dia2_verify.table import Row, at_most, difference, exact, missed, not_run, same, within
from tts.dia2.fast.gpu.graphs import Graphs
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK
from tts.dia2.serving.graph_stepper import GraphStepper
from tts.dia2.serving.sequence import Sequence, Status
from tts.dia2.serving.stepper import Stepper
from tts.dia2.text.script import Entry, ScriptParser
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError

LONGEST = 7  # characters in a fragment


class Source(Protocol):
    """Where a sequence's text comes from."""

    name: str
    known: int
    """Entries that have arrived; one more once the text has ended."""

    def supply(self, sequence: Sequence, *, stuck: bool) -> None:
        """Perhaps some text; certainly some if the sequence is stuck."""


class Whole:
    """The whole script before the first step."""

    name = "offline"

    def __init__(self, trace: Trace) -> None:
        self._entries = trace.script_entries
        self.known = 0

    def supply(self, sequence: Sequence, *, stuck: bool) -> None:
        if stuck:
            raise RuntimeError("the sequence waits although its text is complete")
        if not sequence.machine.closed:
            sequence.machine.add(self._entries)
            sequence.machine.close()
            self.known = len(sequence.machine.queue) + 1


class Fragments:
    """The script in random fragments with random stalls between them."""

    def __init__(self, trace: Trace, seed: str) -> None:
        self._random = random.Random(seed)
        self._script: str = trace.json["script"]
        self.known = len(trace.prefix_entries)
        self._words = iter(trace.script_entries)
        self._parser: ScriptParser | None = None
        try:
            tokenizer = Tokenizer.from_folder(trace.folder / "tokenizer", trace.config.new_word)
            self._parser = ScriptParser(tokenizer, trace.json["frame_rate"])
        except TextToSpeechError:
            pass
        self.name = "in fragments" if self._parser else "entry by entry"

    def supply(self, sequence: Sequence, *, stuck: bool) -> None:
        if sequence.machine.closed or not (stuck or self._random.random() < 0.4):
            return
        new = self._next_words() if self._parser is None else self._next_fragment(self._parser)
        sequence.machine.add(new or [])
        self.known += len(new or [])
        if new is None:
            sequence.machine.close()
            self.known += 1

    def _next_fragment(self, parser: ScriptParser) -> list[Entry] | None:
        if not self._script:
            return None
        size = self._random.randint(1, LONGEST)
        piece, self._script = self._script[:size], self._script[size:]
        return parser.feed(piece) + ([] if self._script else parser.finish())

    def _next_words(self) -> list[Entry] | None:
        word = next(self._words, None)
        return None if word is None else [word]


class Recorder(Stepper):
    """A stepper of one slot that keeps what the network was fed and what it thought."""

    def __init__(self, model: Model, replay: Replay) -> None:
        super().__init__(model, replay)
        self._begin(replay)

    def _begin(self, replay: Replay) -> None:
        self.replay = replay
        self.columns: list[NDArray[np.int32]] = []
        self.states: list[NDArray[np.float32]] = []

    def _advance(self, active: list[bool]) -> list[bool]:
        sequence = self.sequences[0]
        assert sequence
        step = sequence.step - sequence.start
        if active[0]:
            self.columns.append(sequence.column(sequence.step))
        going = super()._advance(active)
        if active[0]:
            self.states.append(self.hidden[0].float().cpu().numpy())
            self.replay.catch_up(step, ACTION)
        if going[0]:
            for draw in range(FIRST_CODEBOOK, FIRST_CODEBOOK + self.model.config.codebooks):
                self.replay.catch_up(step, draw)
        return going


class GraphRecorder(Recorder, GraphStepper):
    """The same, its steps in graphs."""

    def __init__(self, model: Model, replay: Replay) -> None:
        GraphStepper.__init__(self, model, Graphs(model, replay))
        self._begin(replay)


@dataclass
class Run:
    """What a generation went through."""

    sequence: Sequence
    replay: Replay
    recorder: Recorder
    texts: list[tuple[int, int]] = field(default_factory=list)
    frames: list[NDArray[np.int32]] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)
    waits: int = 0
    early: int = 0  # went on with less text than the recorded run needed
    late: int = 0  # waited although it had what it needed


def generate(model: Model, trace: Trace, source: Source, *, graphs: bool = False) -> Run:
    """Repeat a trace in a model's one slot."""
    replay = (GraphReplay if graphs else Replay)(model, trace)
    stepper = (GraphRecorder if graphs else Recorder)(model, replay)
    run = Run(trace.sequence(), replay, stepper)
    sequence, needed = run.sequence, trace.json["known_entries_needed"]
    slot = stepper.admit(sequence)
    stuck = False
    while not sequence.finished:
        source.supply(sequence, stuck=stuck)
        before = sequence.step
        stuck = not stepper.step()
        done = sequence.prefilled + sequence.step - sequence.start  # machine calls
        run.early += done > 0 and source.known < needed[done - 1]
        if stuck:
            run.waits += 1
            # The last part of a prefix goes through the network at once.
            awaited = sequence.prefill_steps - 1 if sequence.status is Status.PREFILL else done
            run.late += source.known >= needed[awaited]
        if sequence.step > before:
            run.texts.append(sequence.text)
            run.frames.append(sequence.frames())
            run.words += sequence.words()
    stepper.release(slot)
    return run


def check_runs(root: Path, load: Loading) -> Iterator[Row]:
    for trace in traces(root):
        if not trace.has_tensors:
            yield not_run(trace.case, "generation", "no weights or no recorded tensors here")
            continue
        branches = 1 if trace.sampling.scale == 1 else 2
        model = load(trace.config, trace.folder / "model.safetensors", branches=branches)
        offline = generate(model, trace, Whole(trace), graphs=load.graphs)
        yield from _numbers(trace, offline, load)
        yield from _outcome(trace, offline, "offline")
        source = Fragments(trace, trace.case)
        streamed = generate(model, trace, source, graphs=load.graphs)
        yield from _outcome(trace, streamed, source.name)
        wrong = streamed.early + streamed.late
        note = f" ({streamed.waits} waits)"
        yield exact(trace.case, f"{source.name}: early or late", wrong, len(streamed.texts), note)
        yield same(trace.case, f"{source.name}: own draws", streamed.replay.own, offline.replay.own)


def _numbers(trace: Trace, run: Run, load: Loading) -> Iterator[Row]:
    case, tensors, largest = trace.case, trace.tensors, run.replay.largest
    network, distribution = load.tolerance, DISTRIBUTION if load.exact else None
    if "hidden" in tensors:
        hidden = np.stack(run.recorder.states)
        wanted = tensors["hidden"].float().numpy()[:, : hidden.shape[1]]
        yield within(case, "hidden states", difference(hidden, wanted), network)
    if "dep_logits" in tensors:
        yield within(case, "logits of every draw", largest.logits, network)
        if trace.json["mode"] != "greedy":
            yield within(case, "distributions (variation)", largest.variation, distribution)
            mean = sum(run.replay.variations) / len(run.replay.variations)
            yield within(case, "distributions (mean variation)", mean, load.variation)
    if "p_drawn" in tensors:
        yield within(case, "probability of each token", largest.probability, distribution)
    if trace.sampling.scale != 1:
        yield within(case, "gaps at the filter's edge", largest.filter_gap, network)
    draws, excused = run.replay.own.size, run.replay.excused
    note = f" ({len(excused)} near ties: {min(excused):.0e})" if excused else ""
    if not run.replay.draws:
        yield not_run(case, "tokens drawn", "PyTorch's own draws are known for the CPU only")
    elif load.exact:
        yield exact(case, "tokens drawn", len(run.replay.wrong), draws, note)
    else:
        other = len(run.replay.wrong) + len(excused)
        yield at_most(case, "tokens drawn otherwise", other, draws, load.otherwise)


def _outcome(trace: Trace, run: Run, how: str) -> Iterator[Row]:
    case, tensors, recorded, sequence = trace.case, trace.tensors, trace.json, run.sequence
    yield same(case, f"{how}: tokens fed", np.stack(run.recorder.columns), tensors["tokens_in"])
    shown = np.stack([tensors["machine_main"].numpy(), tensors["machine_second"].numpy()], 1)
    yield same(case, f"{how}: text shown", np.array(run.texts), shown)
    yield same(case, f"{how}: grid", sequence.grid, tensors["grid"])
    if how == "offline":
        yield same(case, "grid without its delays", sequence.aligned, tensors["aligned"])
    frames = np.concatenate(run.frames, axis=1)
    yield same(case, f"{how}: frames as they came", frames, tensors["audio_tokens"])
    got = [[text, frame / recorded["frame_rate"]] for text, frame in run.words]
    wrong = got != recorded["timestamps"]
    yield exact(case, f"{how}: words and times", int(wrong), len(recorded["timestamps"]))
    if (sequence.start, sequence.crop, sequence.machine.end_step) != (
        recorded["start_step"],
        recorded["crop"],
        recorded["end_step"],
    ):
        yield missed(case, f"{how}: start, crop or end")
