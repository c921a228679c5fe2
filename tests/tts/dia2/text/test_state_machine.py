"""Tests of the state machine: the reference's traces, and the gate that waits for text."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import GOLDENS
from tts.dia2.network import config_json
from tts.dia2.text.script import Entry
from tts.dia2.text.state_machine import Emitted, StateMachine

RECORDED = json.loads((GOLDENS / "state_machine.json").read_text(encoding="utf-8"))
TRACES = sorted(GOLDENS.glob("*/trace_*.json"))
NEW_WORD, PAD = 2, 3


def entries(items: Sequence[dict[str, Any]]) -> list[Entry]:
    return [Entry(tuple(item["tokens"]), item["text"], item["padding"]) for item in items]


def state(machine: StateMachine) -> list[Any]:
    return [
        machine.padding_budget,
        machine.forced_padding,
        len(machine.queue),
        list(machine.pending),
        list(machine.lookahead),
        machine.end_step,
    ]


@pytest.mark.parametrize("trace", RECORDED["traces"], ids=lambda trace: trace["name"])
def test_recorded_calls(trace: dict[str, Any]) -> None:
    ids = RECORDED["token_ids"]
    machine = StateMachine(
        ids["new_word"],
        ids["pad"],
        trace["ahead"],
        trace["initial_padding"],
        trace["max_padding"],
    )
    machine.add(entries(trace["entries"]))
    machine.close()
    for step, row in enumerate(trace["rows"]):
        raw, forced, main, second, consumed, *after, end_step = row
        emitted = machine.process(step, raw, forced=bool(forced))
        assert (emitted.main, emitted.second) == (main, second)
        assert (emitted.consumed is not None) == bool(consumed)
        assert state(machine) == [*after, None if end_step < 0 else end_step]
    assert machine.transcript == [tuple(item) for item in trace["transcript"]]
    assert machine.consumption_times == trace["consumption_times"]


def test_there_are_traces_of_every_configuration() -> None:
    assert {path.parent.name for path in TRACES} == {"a32", "b8", "c6"}


@pytest.mark.parametrize("path", TRACES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_generation_needs_exactly_the_entries_it_needs(path: Path) -> None:
    trace = json.loads(path.read_text(encoding="utf-8"))
    config = config_json.read(path.parent / trace["config"])
    padding = trace["generation"]["initial_padding"]
    machine = StateMachine(config.new_word, config.pad, config.ahead, padding)
    queue = entries(trace["entries"])
    known = 0  # entries that have been told; one more: that there are no others
    for row, needed in zip(trace["machine"], trace["known_entries_needed"], strict=True):
        while not machine.ready(row["token"], forced=row["forced"]):
            machine.add(queue[known : known + 1])
            if known == len(queue):
                machine.close()
            known += 1
        assert known == needed
        emitted = machine.process(row["step"], row["token"], forced=row["forced"])
        assert (emitted.main, emitted.second) == (row["main"], row["second"])
        assert (emitted.consumed is not None) == row["consumed"]
        assert (machine.padding_budget, machine.forced_padding) == (
            row["budget"],
            row["forced_padding"],
        )
        assert list(machine.pending) == row["pending"]
        assert list(machine.lookahead) == row["lookahead"]
        assert len(queue) - len(machine.consumption_times) == row["entries_left"]
    assert machine.end_step == trace["end_step"]
    assert machine.transcript == [tuple(item) for item in trace["transcript"]]
    assert machine.consumption_times == trace["consumption_times"]


ENTRY = st.builds(
    lambda tokens, padding: Entry(tuple(tokens), f"w{tokens}" if tokens else "", padding),
    st.lists(st.integers(0, 9), max_size=4),
    st.integers(0, 8),
)
QUEUE = st.lists(ENTRY, max_size=12)
DRAWS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([False, False, True])), max_size=80)


def run(machine: StateMachine, draws: list[tuple[int, bool]]) -> list[Emitted]:
    return [machine.process(t, raw, forced=forced) for t, (raw, forced) in enumerate(draws)]


@given(QUEUE, DRAWS, st.integers(0, 3), st.integers(0, 4), st.lists(st.integers(0, 3)))
def test_late_text_changes_nothing(
    queue: list[Entry],
    draws: list[tuple[int, bool]],
    ahead: int,
    padding: int,
    arrivals: list[int],
) -> None:
    """Entries come at random times; a step waits only when `ready` says so."""
    offline = StateMachine(NEW_WORD, PAD, ahead, padding)
    offline.add(queue)
    offline.close()
    expected = run(offline, draws)

    machine = StateMachine(NEW_WORD, PAD, ahead, padding)
    coming, arrival = list(queue), iter(arrivals)
    for step, (raw, forced) in enumerate(draws):
        many = next(arrival, 0)
        machine.add(coming[:many])
        del coming[:many]
        while not machine.ready(raw, forced=forced):
            before = state(machine)
            with pytest.raises(RuntimeError):
                machine.process(step, raw, forced=forced)
            assert state(machine) == before
            machine.add(coming[:1])
            if not coming:
                machine.close()
            del coming[:1]
        assert machine.process(step, raw, forced=forced) == expected[step]
    machine.add(coming)
    assert state(machine) == state(offline)
    assert machine.transcript == offline.transcript


@given(QUEUE, DRAWS, st.integers(0, 3))
def test_a_wait_is_never_in_vain(
    queue: list[Entry], draws: list[tuple[int, bool]], ahead: int
) -> None:
    """Where a step is not ready, what may come does change what it does."""
    machine = StateMachine(NEW_WORD, PAD, ahead)
    machine.add(queue)
    for step, (raw, forced) in enumerate(draws):
        if not machine.ready(raw, forced=forced):
            ended, going = copy.copy(machine), copy.copy(machine)
            ended.close()
            going.add([Entry((99,), "more", 1)] * (ahead + 1))
            outcomes = [
                (m.process(step, raw, forced=forced), list(m.lookahead), m.end_step)
                for m in (ended, going)
            ]
            assert outcomes[0] != outcomes[1]
            return
        machine.process(step, raw, forced=forced)


@given(QUEUE, DRAWS, st.integers(0, 3), st.data())
def test_a_copy_goes_on_independently(
    queue: list[Entry], draws: list[tuple[int, bool]], ahead: int, data: st.DataObject
) -> None:
    machine = StateMachine(NEW_WORD, PAD, ahead)
    machine.add(queue)
    machine.close()
    split = data.draw(st.integers(0, len(draws)))
    run(machine, draws[:split])
    twin = copy.copy(machine)
    before = state(twin), list(twin.transcript), list(twin.consumption_times)
    rest = run(machine, draws[split:])
    assert (state(twin), twin.transcript, twin.consumption_times) == before
    assert run(twin, draws[split:]) == rest
    assert state(twin) == state(machine)


def test_pauses_do_not_count_as_lookahead() -> None:
    machine = StateMachine(NEW_WORD, PAD, ahead=2, initial_padding=0)
    pause = Entry((), "", 3)
    machine.add([Entry((10,), "one", 1), pause, Entry((11,), "two", 1), pause])
    assert not machine.ready(1)
    machine.add([Entry((12, 13), "three", 2)])
    assert machine.ready(1)
    assert machine.process(0, 1) == Emitted(10, NEW_WORD, Entry((10,), "one", 1))
    assert list(machine.lookahead) == [12, 13]


def test_pads_may_pass_the_time_while_the_text_is_late() -> None:
    machine = StateMachine(NEW_WORD, PAD, ahead=2, initial_padding=0)
    assert not machine.ready(0)  # out of budget: a word is due
    assert machine.ready(0, forced=True)
    assert machine.process(0, 0, forced=True) == Emitted(PAD, PAD, None)


def test_actions_are_actions_even_where_the_text_ids_are_0_and_1() -> None:
    machine = StateMachine(new_word=0, pad=1, ahead=0, initial_padding=0)
    machine.add([Entry((5,), "a", 0)])
    machine.padding_budget = 1
    assert machine.process(0, 0).main == 1
    machine.padding_budget = 1
    assert machine.process(1, 1).main == 0
