import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.clauses import ClauseSplitter

TEXTS = st.text(alphabet=st.sampled_from("aB1 \n\t.,!?;:…\"')。，」Dré-")) | st.text()


def split(*fragments: str, longest: int = 300) -> list[str]:
    splitter = ClauseSplitter(longest)
    clauses = [clause for fragment in fragments for clause in splitter.feed(fragment)]
    return clauses + splitter.finish()


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        (" \n\t ", []),
        ("no end", ["no end"]),
        ("Hello, world. Good", ["Hello,", "world.", "Good"]),
        ("Really?! Yes... I think", ["Really?!", "Yes...", "I think"]),
        ('He said "stop." Then (yes!) he', ['He said "stop."', "Then (yes!)", "he"]),
        ("It is 3.14 at 10:30 for $1,000.50 net", ["It is 3.14 at 10:30 for $1,000.50 net"]),
        ("See www.example.com now", ["See www.example.com now"]),
        ("J. Smith of the U.S. is here. Yes", ["J. Smith of the U.S. is here.", "Yes"]),
        ("Ask Dr. No, e.g. today", ["Ask Dr. No,", "e.g. today"]),
        ("one\ntwo.\n\nthree", ["one", "two.", "three"]),
        ("你好，世界。「好！」再见", ["你好，", "世界。", "「好！」", "再见"]),
    ],
)
def test_cut_where_a_reader_pauses(text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_a_clause_is_out_as_soon_as_the_space_after_it_is_in() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("Well,") == []
    assert splitter.feed(" ") == ["Well,"]
    assert splitter.feed("it costs $29.") == []
    assert splitter.feed("95") == []
    assert splitter.feed(".") == []
    assert splitter.finish() == ["it costs $29.95."]


@given(TEXTS, st.data(), st.sampled_from([5, 20, 300]))
def test_neither_lost_nor_changed_nor_dependent_on_the_fragments(
    text: str, data: st.DataObject, longest: int
) -> None:
    clauses = split(text, longest=longest)
    assert "".join("".join(clauses).split()) == "".join(text.split())
    assert all(clause == clause.strip() != "" for clause in clauses)
    assert all(len(clause) <= longest for clause in clauses)
    cut = data.draw(st.integers(0, len(text)))
    assert split(text[:cut], text[cut:], longest=longest) == clauses
    assert split(*text, longest=longest) == clauses


def test_a_long_clause_is_cut_at_a_space() -> None:
    assert split("aaaa bbbb cccc dddd", longest=10) == ["aaaa bbbb", "cccc dddd"]
    assert split("a" * 25, longest=10) == ["a" * 10, "a" * 10, "a" * 5]
