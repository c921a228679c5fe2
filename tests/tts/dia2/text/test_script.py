"""Tests of the script parser: the reference's entries, whole and in fragments."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import GOLDENS
from tts import TextToSpeechError
from tts.dia2.text.script import Entry, ScriptParser, parse_script
from tts.dia2.text.tokenizer import Tokenizer

TOKENIZER = Tokenizer.from_folder(GOLDENS / "a32/tokenizer", 2)


def load(name: str) -> Any:
    return json.loads((GOLDENS / name).read_text(encoding="utf-8"))


def entries(items: Sequence[dict[str, Any]]) -> list[Entry]:
    return [Entry(tuple(item["tokens"]), item["text"], item["padding"]) for item in items]


PARSER = load("a32/parser.json")


@pytest.mark.parametrize("item", PARSER["items"] + PARSER["random"], ids=lambda i: i["script"])
def test_entries_of_a_script(item: dict[str, Any]) -> None:
    if "error" in item:
        with pytest.raises(TextToSpeechError, match="cannot read the seconds of"):
            parse_script(item["script"], TOKENIZER)
    else:
        assert parse_script(item["script"], TOKENIZER) == entries(item["entries"])


def test_lines_are_one_script() -> None:
    for item in PARSER["sequences"]:
        assert parse_script(item["lines"], TOKENIZER) == entries(item["entries_as_generate"])


def test_a_tokenizer_without_speaker_tags() -> None:
    plain = replace(TOKENIZER, speakers=(2, 2), has_speakers=False)
    for item in PARSER["no_speaker_tokens"]["items"]:
        assert parse_script(item["script"], plain) == entries(item["entries"])


def test_pauses_follow_the_frame_rate() -> None:
    for item in PARSER["frame_rates"]:
        got = parse_script(item["script"], TOKENIZER, item["frame_rate"])
        assert got == entries(item["entries"])


@pytest.mark.parametrize("item", load("a32/stream_parse.json")["items"], ids=lambda i: i["script"])
def test_each_entry_comes_as_early_as_it_is_certain(item: dict[str, Any]) -> None:
    parser = ScriptParser(TOKENIZER)
    got: list[Entry] = []
    needed: list[int] = []
    for count, character in enumerate(item["script"], 1):
        new = parser.feed(character)
        got += new
        needed += [count] * len(new)
    last = parser.finish()
    assert got + last == entries(item["entries"])
    assert needed + [-1] * len(last) == item["chars_needed"]


def test_no_entry_waits_for_more_than_its_end() -> None:
    parser = ScriptParser(TOKENIZER)
    assert [entry.text for entry in parser.feed("wait<br")] == []
    assert [entry.text for entry in parser.feed("own")] == []
    assert [entry.text for entry in parser.feed("ie ")] == ["wait<brownie"]


@pytest.mark.parametrize("number", ["1x5", "1_", "9" * 400, "9e999"])
def test_after_a_bad_pause_the_text_goes_on(number: str) -> None:
    parser = ScriptParser(TOKENIZER)
    with pytest.raises(TextToSpeechError, match="cannot read the seconds"):
        parser.feed(f'one two<break time="{number}s"/>three four ')
    assert [entry.text for entry in parser.feed("")] == ["one", "two", "three", "four"]
    assert parser.finish() == []


def test_a_bad_pause_at_the_end_is_reported_once() -> None:
    parser = ScriptParser(TOKENIZER)
    with pytest.raises(TextToSpeechError, match="cannot read the seconds"):
        parser.feed('one <break time="1ss"/>')
    assert [entry.text for entry in parser.finish()] == ["one"]


# The specification's rules for a whole text, written down directly: what fragments must agree with.
TAG = re.compile(r'<break\s+time="([0-9]+(?:.[0-9]*)?)s"\s*/?>')


def parts_of(script: str) -> Iterator[tuple[str, str]]:
    """Words (text, "") and pauses ("", seconds) of a whole text."""
    text = script.replace("’", "'").replace(":", " ")
    while text:
        tag, space = TAG.search(text), re.search(r"\s+", text)
        found = min((m for m in (tag, space) if m), key=lambda m: m.start(), default=None)
        if found is None:
            yield text, ""
            return
        if found.start():
            yield text[: found.start()], ""
        if tag and found is tag:
            yield "", tag[1]
        text = text[found.end() :]


def reference(script: str) -> list[Entry]:
    got: list[Entry] = []
    tag, first = "", True
    for word, seconds in parts_of(script.strip()):
        if word in ("[S1]", "[S2]"):
            tag = f"{word} "
        elif not word:
            steps = round(float(seconds) * 12.5)
            got += [Entry((), "", steps)] if steps > 0 else []
        else:
            ids, tag = TOKENIZER.encode(tag + word), ""
            ids = [312, *ids] if first and ids[:1] != [312] else ids
            first = False
            got.append(Entry(tuple(ids), word, len(ids)))
    return got


BREAKS = st.builds(
    '<break{}time="{}s"{}>'.format,
    st.sampled_from([" ", "  ", "\n", ":", "\u00a0", ""]),
    st.sampled_from(["1", "0.5", "0", "1_0", "1e1", "1 ", "12", "0.04", "1,5", "1:", "1ss", ""]),
    st.sampled_from(["/", " /", "", " ", "/ "]),
)
WORDS = st.sampled_from(["Hello,", "it’s", "12:30", "[S1]", "[S2]", "[S1]", "[S1]x", "日本", "😀"])
CONTROLS = st.sampled_from(["(laughs)", "(clears throat)", "<|im_end|>", "x<|im_start|>", "<7"])
BITS = st.sampled_from(["<", ">", "/", "<br", "<break", "time=", 'time="1', 's"', "s", '"', "1"])
SPACES = st.sampled_from([" ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u200b", "\x1c", "\x85", ":"])
PIECE = WORDS | CONTROLS | BITS | SPACES | SPACES | BREAKS | st.text(max_size=3)
BROKEN = st.tuples(BREAKS, st.integers(0, 30)).map(lambda pair: pair[0][: pair[1]])
SCRIPTS = st.lists(PIECE | BROKEN, max_size=25).map("".join)


@st.composite
def fragments(draw: st.DrawFn) -> list[str]:
    script = draw(SCRIPTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(script)), max_size=12)))
    return [script[a:b] for a, b in zip([0, *cuts], [*cuts, len(script)], strict=True)]


@given(fragments())
def test_fragments_give_the_entries_of_the_whole(pieces: list[str]) -> None:
    script = "".join(pieces)
    try:
        expected = reference(script)
    except ValueError:
        with pytest.raises(TextToSpeechError, match="cannot read the seconds"):
            parse_script(script, TOKENIZER)
        return
    parser = ScriptParser(TOKENIZER)
    got = [entry for piece in pieces for entry in parser.feed(piece)] + parser.finish()
    assert got == expected
    assert parse_script(script, TOKENIZER) == expected


@pytest.mark.parametrize(
    "unit", ["<break", '<break time="1', "< ", "<break ", '<break time="1s"/>', "1:"]
)
def test_long_texts_take_linear_time(unit: str) -> None:
    script = '<break time="' + unit * (100_000 // len(unit)) + "x"
    began = time.perf_counter()
    parse_script(script, TOKENIZER)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("tail", ["1" * 100_000, " " * 100_000])
def test_a_long_run_inside_a_tag_takes_linear_time(tail: str) -> None:
    began = time.perf_counter()
    parse_script(f'<break time="{tail} x', TOKENIZER)
    parse_script(f"<break{tail} x", TOKENIZER)
    assert time.perf_counter() - began < 10
