"""Checks of the text side: script parser, state machine, prefix plans."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.dia2_verify.goldens import Trace, entries, read_json, read_tensors, sets, traces
from bench.dia2_verify.published import published_plan, words_to_entries
from bench.dia2_verify.table import Row, exact, not_run, same
from tts.dia2.text.prefix import Part
from tts.dia2.text.script import Entry, ScriptParser, parse_script
from tts.dia2.text.state_machine import StateMachine
from tts.dia2.text.tokenizer import Tokenizer
from tts.protocol import TextToSpeechError
from tts.voices.word import Word


def check_text(root: Path) -> Iterator[Row]:
    if (root / "state_machine.json").is_file():
        yield _machines(read_json(root / "state_machine.json"))
    for trace in traces(root):
        yield _machine_of(trace)
    for folder in sets(root):
        files = ("parser.json", "stream_parse.json", "prefix_plan.json")
        present = [name for name in files if (folder / name).is_file()]
        try:
            tokenizer = Tokenizer.from_folder(folder / "tokenizer", _new_word(folder))
        except TextToSpeechError as error:
            for name in present:
                yield not_run(f"{folder.name}/{name}", "text", str(error))
            continue
        for name in present:
            case, data = f"{folder.name}/{name.removesuffix('.json')}", read_json(folder / name)
            match name:
                case "parser.json":
                    yield from _parser(case, data, tokenizer)
                case "stream_parse.json":
                    yield _stream(case, data, tokenizer)
                case _:
                    yield from _plans(case, data, folder, tokenizer)


def _new_word(folder: Path) -> int:
    token: int = read_json(folder / "info.json")["constants"]["new_word"]
    return token


def _machines(data: dict[str, Any]) -> Row:
    ids, wrong, total = data["token_ids"], 0, 0
    for trace in data["traces"]:
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
            raw, forced, *wanted = row
            wrong += _process(machine, step, raw, forced=bool(forced)) != wanted
            total += 1
    return exact("state_machine", f"rows of {len(data['traces'])} traces", wrong, total)


def _process(machine: StateMachine, step: int, raw: int, *, forced: bool) -> list[Any]:
    shown = machine.process(step, raw, forced=forced)
    return [
        shown.main,
        shown.second,
        int(shown.consumed is not None),
        machine.padding_budget,
        machine.forced_padding,
        len(machine.queue),
        list(machine.pending),
        list(machine.lookahead),
        -1 if machine.end_step is None else machine.end_step,
    ]


def _machine_of(trace: Trace) -> Row:
    """The machine calls of a whole generation, its prefill included."""
    config, recorded = trace.config, trace.json
    padding = recorded["generation"]["initial_padding"]
    machine = StateMachine(config.new_word, config.pad, config.ahead, padding)
    machine.add(entries(recorded["entries"]))
    machine.close()
    wrong = 0
    for row in recorded["machine"]:
        got = _process(machine, row["step"], row["token"], forced=row["forced"])[:-1]
        keys = ("main", "second", "consumed", "budget", "forced_padding", "entries_left")
        wrong += got != [*(row[key] for key in keys), row["pending"], row["lookahead"]]
    wrong += machine.end_step != recorded["end_step"]
    wrong += [list(word) for word in machine.transcript] != recorded["transcript"]
    wrong += machine.consumption_times != recorded["consumption_times"]
    return exact(
        trace.case, "state machine: calls, end, words", wrong, len(recorded["machine"]) + 3
    )


def _parsed(script: str, tokenizer: Tokenizer) -> list[Entry] | None:
    """A script's entries; None: refused."""
    try:
        return parse_script(script, tokenizer)
    except TextToSpeechError:
        return None


def _recorded(item: dict[str, Any]) -> list[Entry] | None:
    return None if "error" in item else entries(item["entries"])


def _parser(case: str, data: dict[str, Any], tokenizer: Tokenizer) -> Iterator[Row]:
    items = data["items"] + data["random"]
    wrong = sum(_parsed(item["script"], tokenizer) != _recorded(item) for item in items)
    yield exact(case, "entries of scripts", wrong, len(items))
    lines = data.get("sequences", [])
    wrong = sum(
        parse_script(item["lines"], tokenizer) != entries(item["entries_as_generate"])
        for item in lines
    )
    yield exact(case, "entries of lines", wrong, len(lines))
    rates = data.get("frame_rates", [])
    wrong = sum(
        parse_script(item["script"], tokenizer, item["frame_rate"]) != entries(item["entries"])
        for item in rates
    )
    yield exact(case, "pauses at other frame rates", wrong, len(rates))
    plain = data.get("no_speaker_tokens", {"items": []})
    if plain["items"]:
        ids = plain["constants"]
        without = replace(tokenizer, speakers=(ids["spk1"], ids["spk2"]), has_speakers=False)
        wrong = sum(
            parse_script(item["script"], without) != entries(item["entries"])
            for item in plain["items"]
        )
        yield exact(case, "entries without speaker tags", wrong, len(plain["items"]))


def _stream(case: str, data: dict[str, Any], tokenizer: Tokenizer) -> Row:
    wrong = 0
    for item in data["items"]:
        parser, got, needed = ScriptParser(tokenizer), list[Entry](), list[int]()
        for count, character in enumerate(item["script"], 1):
            new = parser.feed(character)
            got += new
            needed += [count] * len(new)
        last = parser.finish()
        wrong += got + last != entries(item["entries"])
        wrong += needed + [-1] * len(last) != item["chars_needed"]
    return exact(
        case, "entries, and the character that makes each certain", wrong, 2 * len(data["items"])
    )


def _plans(case: str, data: dict[str, Any], folder: Path, tokenizer: Tokenizer) -> Iterator[Row]:
    cases = data["words_to_entries"]
    wrong = 0
    for item in cases:
        words = [Word(*word) for word in item["words"]]
        got = words_to_entries(words, tokenizer, item["speaker_token"], item["frame_rate"])
        wrong += got != (entries(item["entries"]), item["new_word_steps"])
    yield exact(case, "entries and steps of recorded words", wrong, len(cases))
    tensors = read_tensors(folder / "prefix_plan.safetensors")
    wrong = 0
    for plan in data["plans"]:
        parts, codes = [], []
        for speaker, words in enumerate((plan["words1"], plan["words2"])):
            if words is not None:
                codes.append(tensors[f"plan{plan['id']}_codes{speaker + 1}"].numpy())
                spoken = tuple(Word(*word) for word in words)
                parts.append(Part(speaker, spoken, codes[-1].shape[1]))
        laid = published_plan(parts, tokenizer)
        wrong += list(laid.entries) != entries(plan["entries"])
        wrong += list(laid.new_word_steps) != plan["new_word_steps"]
        wrong += laid.frames != plan["aligned_frames"]
        aligned = tensors[f"plan{plan['id']}_aligned"].numpy()
        wrong += same("", "", np.concatenate(codes, 1), aligned).verdict != "ok"
    yield exact(case, "prefix plans", wrong, 4 * len(data["plans"]))
