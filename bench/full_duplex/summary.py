"""The numbers of all performances, next to the bars that they must reach."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, Literal

import numpy as np

from bench.full_duplex.performance import Performance, Setting
from bench.full_duplex.scenes import Kind
from bench.full_duplex.score import Score

Scored = tuple[Performance, Score]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a number must be."""

    kind: Literal["at most", "at least"]
    limit: float

    def reached(self, value: float) -> bool:
        """Whether it is."""
        return value <= self.limit if self.kind == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what was measured, over how many, and what it must be."""

    kind: str
    setting: str
    items: int
    measure: str
    unit: str
    value: float | None
    bar: Bar | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the bar is, if there is one; a number that could not be measured is a miss."""
        if self.bar is None:
            return None
        return self.value is not None and self.bar.reached(self.value)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        bar = None if self.bar is None else str(self.bar)
        return {**asdict(self), "bar": bar, "reached": self.reached}


@dataclass(frozen=True, slots=True)
class _Measure:
    """How to get a row's number from the scores of a set; `bar` may depend on the setting."""

    name: str
    unit: str
    of: Callable[[Sequence[Score]], float | None]
    bar: Callable[[Setting], Bar | None] = field(default=lambda _: None)


def rows(scored: Sequence[Scored]) -> list[Row]:
    """All rows, the sets in the order of their first performance."""
    table: list[Row] = []

    def key(item: Scored) -> tuple[str, str]:
        return item[0].setting.name, item[0].scene.kind

    for (_, _), group in groupby(scored, key):
        items = list(group)
        setting, kind = items[0][0].setting, items[0][0].scene.kind
        scores = [score for _, score in items]
        for measure in _MEASURES[kind]:
            value = measure.of(scores)
            bar = measure.bar(setting)
            table.append(
                Row(kind, setting.name, len(scores), measure.name, measure.unit, value, bar)
            )
    everything = [score for _, score in scored]
    context = _share("context")(everything)
    table.append(Row("all", "", len(everything), "context as played", "%", context, _at_least(100)))
    return table


def _values(scores: Sequence[Score], name: str) -> list[float]:
    return [float(v) for score in scores if (v := getattr(score, name)) is not None]


def _percentile(name: str, percent: float) -> Callable[[Sequence[Score]], float | None]:
    """Milliseconds."""

    def of(scores: Sequence[Score]) -> float | None:
        values = _values(scores, name)
        return 1000 * float(np.percentile(values, percent)) if values else None

    return of


def _share(name: str) -> Callable[[Sequence[Score]], float | None]:
    """Percent of all."""

    def of(scores: Sequence[Score]) -> float | None:
        return 100 * sum(_values(scores, name)) / len(scores)

    return of


def _count(name: str) -> Callable[[Sequence[Score]], float | None]:
    def of(scores: Sequence[Score]) -> float | None:
        return sum(_values(scores, name))

    return of


def _ducks(scores: Sequence[Score]) -> float:
    return len(_values(scores, "duck"))


def _minutes(scores: Sequence[Score]) -> float:
    return sum(score.said for score in scores) / 60


def _at_most(limit: float) -> Bar:
    return Bar("at most", limit)


def _at_least(limit: float) -> Bar:
    return Bar("at least", limit)


def _dry(bar: Bar) -> Callable[[Setting], Bar | None]:
    """A bar for rooms without an echo."""
    return lambda setting: bar if setting.echo is None else None


def _soon(milliseconds: float) -> Callable[[Setting], Bar | None]:
    """A bar for what takes time, without an echo and without what sound cards take."""
    bar = _at_most(milliseconds)
    return lambda setting: bar if setting.echo is None and not setting.devices else None


def _pauses(setting: Setting) -> Bar | None:
    if setting.echo is not None:
        return None
    return _at_most(10 if setting.judge == "smart_turn" else 25)


def _interruptions(setting: Setting) -> Bar:
    return _at_least(100 if setting.echo is None else 90)


def _undisturbed(bar: Callable[[Setting], Bar | None]) -> tuple[_Measure, ...]:
    return (
        _Measure("false stops", "", _count("stopped"), bar),
        _Measure("of them never resumed", "", _count("lost"), bar),
        _Measure("answered", "", _count("takeover")),
        _Measure("ducked", "", _ducks),
    )


_RESPONSE = (
    _Measure("response p50", "ms", _percentile("response", 50)),
    _Measure("response p95", "ms", _percentile("response", 95)),
)

_INTERRUPTED = (
    _Measure("duck p50", "ms", _percentile("duck", 50), _soon(80)),
    _Measure("duck p95", "ms", _percentile("duck", 95)),
    _Measure("stop p50", "ms", _percentile("stop", 50), _soon(300)),
    _Measure("stop p95", "ms", _percentile("stop", 95)),
    *_RESPONSE,
)

_MEASURES: dict[Kind, tuple[_Measure, ...]] = {
    "turn": (
        _Measure("takeover", "%", _share("takeover")),
        _Measure(
            "response p50",
            "ms",
            _percentile("response", 50),
            _soon(200),
        ),
        _RESPONSE[1],
    ),
    "pause": (_Measure("takeover", "%", _share("takeover"), _pauses), *_RESPONSE),
    "interruption": (_Measure("takeover", "%", _share("takeover"), _interruptions), *_INTERRUPTED),
    "over noise": (
        _Measure("takeover", "%", _share("takeover"), lambda _: _at_least(90)),
        *_INTERRUPTED,
    ),
    "backchannel": _undisturbed(_dry(_at_most(0))),
    "noise": _undisturbed(_dry(_at_most(0))),
    "steady noise": _undisturbed(_dry(_at_most(0))),
    "no words": (
        _Measure("stops", "", _count("stopped")),
        *_undisturbed(_dry(_at_most(0)))[1:],
    ),
    "side talk": _undisturbed(_dry(_at_most(3))),
    "loud side talk": _undisturbed(_dry(_at_most(3))),
    "household": _undisturbed(lambda _: None),
    "television": _undisturbed(lambda _: None),
    "household, for the agent": (_Measure("takeover", "%", _share("takeover")), *_INTERRUPTED),
    "side talk in silence": (_Measure("answered", "", _count("takeover"), _dry(_at_most(3))),),
    "soft interruption": (_Measure("takeover", "%", _share("takeover")), *_INTERRUPTED),
    "monologue": (
        _Measure("minutes of speech", "", _minutes),
        *_undisturbed(lambda _: _at_most(0)),
    ),
}
