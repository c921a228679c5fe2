"""The takes of the original runtime, whose rules differ in two places.

The last row that has forced cells is not laid out: what is drawn there is fed. And the likeliest
code (temperature 0) is taken without the rule about the end.
"""

from collections.abc import Iterator

from torch import Tensor

from bench.dia2_verify.table import Row, same
from bench.dia_verify.goldens import Golden, Run, read_tensors
from bench.dia_verify.runs import Recorder, RecordingSampler, repeat
from tts.dia.network.delays import Codes
from tts.dia.take import Take


class OriginalTake(Take):
    """A take by the original's rules."""

    def lay_out(self, known: Codes) -> Codes:
        return super().lay_out(known)[:-1]


class OriginalSampler(RecordingSampler):
    """Where the likeliest code is taken, the end is a code like others."""

    def candidates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        if not self.greedy[0]:
            return super().candidates(logits)
        conditional, scale = logits[:, 0], self.scale[:1]
        guided = conditional + (conditional - logits[:, 1]) * scale
        ids = guided.topk(self._most[0], -1).indices.sort(-1).values
        return ids, (conditional + self.forbidden).gather(-1, ids)


def check_original(golden: Golden) -> Iterator[Row]:
    """Every take that was recorded of it."""
    path = golden.folder / "nari" / "original_runs.safetensors"
    if path.is_file():
        recorded = read_tensors(path)
        names = sorted(name.removesuffix(".codes") for name in recorded if name.endswith(".codes"))
        for name in names:
            yield _check(golden, name, recorded)


def _check(golden: Golden, name: str, recorded: dict[str, Tensor]) -> Row:
    run = Run(golden, name)
    model, numbers = golden.model, recorded.get(f"{name}.uniforms")
    stepper = Recorder(model, OriginalSampler(model))
    frames = repeat(stepper, run.take(OriginalTake), numbers)
    case = f"{golden.name}/nari/{name}"
    return same(case, "codes by the original's rules", frames, recorded[f"{name}.codes"])
