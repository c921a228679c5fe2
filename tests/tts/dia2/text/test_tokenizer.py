"""Tests of Dia2's tokenizer files: both layouts, and what is missing or broken."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import GOLDENS
from tts import TextToSpeechError
from tts.dia2.text.tokenizer import Tokenizer

SETS = ["a32", "b8", "c6"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDENS / "a32/tokenizer", tmp_path / "tokenizer"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """The same tokenizer from tokenizer.json, and from the older files."""
    source = GOLDENS / "a32/tokenizer"
    old = tmp_path_factory.mktemp("old")
    shutil.copytree(source, old, dirs_exist_ok=True)
    (old / "tokenizer.json").unlink()
    return Tokenizer.from_folder(source, 2), Tokenizer.from_folder(old, 2)


@pytest.mark.parametrize("name", SETS)
def test_constants(name: str) -> None:
    info = json.loads((GOLDENS / name / "info.json").read_text(encoding="utf-8"))["constants"]
    tokenizer = Tokenizer.from_folder(GOLDENS / name / "tokenizer", info["new_word"])
    assert tokenizer.bos == info["bos"]
    assert tokenizer.speakers == (info["spk1"], info["spk2"])
    assert tokenizer.has_speakers


def test_tags_and_control_strings_are_single_ids(both: tuple[Tokenizer, Tokenizer]) -> None:
    for tokenizer in both:
        assert tokenizer.encode("[S1] (laughs)") == [312, 228, 314]
        assert tokenizer.encode("x<|im_end|>y") == [95, 2, 96]
        assert tokenizer.encode("(clears throat)") == [315]
        assert tokenizer.encode("") == []


PIECES = st.sampled_from(["[S1]", "[S2] ", "(laughs)", "<|im_end|>", "Hello", "there", "12", "日"])


@given(st.lists(PIECES | st.text(max_size=8), max_size=6).map("".join))
def test_both_layouts_give_the_same_ids(both: tuple[Tokenizer, Tokenizer], text: str) -> None:
    # Words hold no whitespace, except the one space after a tag.
    text = "".join(text.replace("[S2] ", "\0").split()).replace("\0", "[S2] ")
    whole, assembled = both
    assert whole.encode(text) == assembled.encode(text)


def test_half_a_surrogate_pair_is_a_question_mark(both: tuple[Tokenizer, Tokenizer]) -> None:
    assert both[0].encode("a\ud83d") == both[0].encode("a?")


def test_without_tags_a_speaker_is_a_new_word(folder: Path) -> None:
    for name in ("tokenizer.json", "added_tokens.json", "tokenizer_config.json"):
        (folder / name).unlink()
    tokenizer = Tokenizer.from_folder(folder, 2)
    assert tokenizer.speakers == (2, 2)
    assert not tokenizer.has_speakers
    assert len(tokenizer.encode("[S1]")) > 1


@pytest.mark.parametrize(
    ("settings", "bos"),
    [
        ({"bos_token": "<|im_start|>"}, 1),
        ({"bos_token": {"content": "<|im_end|>"}}, 2),
        ({"bos_token": "<|endoftext|>"}, 1),  # id 0 counts as none
        ({"bos_token": "unheard of"}, 1),
        ({}, 1),
    ],
)
def test_beginning_of_sequence(folder: Path, settings: dict[str, object], bos: int) -> None:
    (folder / "special_tokens_map.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert Tokenizer.from_folder(folder, 2).bos == bos


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(TextToSpeechError, match=r"no tokenizer in .*: tokenizer\.json"):
        Tokenizer.from_folder(tmp_path, 2)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_truncated_file_is_named(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(TextToSpeechError, match=f"cannot read .*{name}"):
        Tokenizer.from_folder(folder, 2)


@pytest.mark.parametrize("name", ["vocab.json", "added_tokens.json"])
def test_a_truncated_file_of_the_older_layout(folder: Path, name: str) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / name).write_text("{", encoding="utf-8")
    with pytest.raises(TextToSpeechError, match="cannot read "):
        Tokenizer.from_folder(folder, 2)


def test_values_of_the_wrong_kind(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(
        '{"added_tokens_decoder": {"7": "text"}}', encoding="utf-8"
    )
    with pytest.raises(TextToSpeechError, match="cannot read the tokenizer"):
        Tokenizer.from_folder(folder, 2)
