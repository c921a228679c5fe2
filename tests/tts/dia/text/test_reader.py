"""Tests of reading text for Dia: tags, sounds, letters, however it comes."""

import logging

import pytest

from tts.dia.text.letters import in_ascii
from tts.dia.text.reader import LONGEST_CLAUSE, SOUNDS, Clause, Reader
from tts.protocol import TextToSpeechError


def read(
    text: str, piece: int = 10_000, *, script: bool = False, renumber: bool = True
) -> list[Clause]:
    reader = Reader(script=script, renumber=renumber)
    clauses = []
    for at in range(0, len(text), piece):
        clauses += reader.feed(text[at : at + piece])
    return clauses + reader.finish()


def said(text: str, **options: bool) -> str:
    """The turns in one line."""
    return " | ".join(f"{each.speaker} {each.text}" for each in read(text, **options))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello there.", "1 Hello there."),
        ("[S1] Hello. [S2] Hi!", "1 Hello. | 2 Hi!"),
        ("[S1]Hello[S2]x", "1 Hello | 2 x"),
        ("[s1] Hello. [ s2 ] Hi!", "1 Hello. | 2 Hi!"),
        ("[S2] Me first. [S1] Then me.", "1 Me first. | 2 Then me."),
        ("[S1] [S2] Me first. [S1] Then me.", "1 Me first. | 2 Then me."),
        ("Well. [S2] Me second.", "1 Well. | 2 Me second."),
        ("[S1] One. [S1] Two.", "1 One. | 1 Two."),
        ("[S1] Hello. [S3] Hi!", "1 Hello. | 1 Hi!"),
        ("<pad> x", "1 x"),
        ("a\x01b\x02 c", "1 ab c"),
        ("He left (laughs) early.", "1 He left (laughs) early."),
        ("(laugh) Ha. *yes* [sigh]", "1 (laughs) Ha. | 1 *yes* (sighs)"),
        ("(giggles) Ha (coughs) ha. (coughs) Oh.", "1 (laughs) Ha ha. | 1 (coughs) Oh."),
        ("(explodes) Boom.", "1 Boom."),
        ("(smiles) Yes.", "1 Yes."),
        ("It is (about five miles) away.", "1 It is, | 1 about five miles, | 1 away."),
        ('Wait <break time="0.5s"/> now.', "1 Wait... | 1 now."),
        ("3 < 4 and that (is", "1 3 < 4 and that, | 1 is"),
        ("“Café” – it’s naïve…", '1 "Cafe" - it\'s naive...'),
        ("Say привет to him.", "1 Say to him."),
        ("", ""),
        ("[S1] ... [S2] !", ""),
    ],
)
def test_what_is_read(text: str, wanted: str) -> None:
    assert said(text) == wanted


def test_it_does_not_matter_how_the_text_comes() -> None:
    text = (
        '[S2] Oh (laughs) no! He said (as ever) <break time="1s"/> go. [ S1 ] Dr. Who, “so”… [S2]x'
    )
    assert [read(text, piece) for piece in (1, 2, 7)] == [read(text)] * 3


def test_a_tag_is_known_when_it_is_complete() -> None:
    reader = Reader()
    assert reader.feed("One. Two. [S") == [Clause(1, "One.", True), Clause(1, "Two.", True)]
    assert reader.feed("2] Three. ") == [Clause(2, "Three.", True)]


def test_voices_say_who_is_who() -> None:
    assert said("[S2] Me first.", renumber=False) == "2 Me first."


def test_sentences_end_where_turns_do() -> None:
    assert [each.ends for each in read("Oh, well. Yes [S2] so, no")] == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_a_script_is_refused_a_third_speaker() -> None:
    with pytest.raises(TextToSpeechError, match=r"\[S3\]: Dia has two speakers"):
        read("[S1] Hello. [S3] Hi!", script=True)


def test_only_other_scripts() -> None:
    with pytest.raises(
        TextToSpeechError, match="English only, and can say nothing of 'привет как дела':"
    ):
        read("привет, как дела?")


def test_some_of_other_scripts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read("Say привет.")
    assert "'привет' was left out" in caplog.text


def test_only_listed_sounds() -> None:
    text = " ".join(f"({sound}) So." for sound in (*SOUNDS, "yawns", "chuckles", "hums", "snores"))
    clauses = [each.text for each in read(text)]
    wanted = [f"({sound}) So." for sound in SOUNDS]
    assert clauses == [*wanted, "So.", "(chuckle) So.", "(humming) So.", "So."]
    assert len(SOUNDS) == 21


def test_clauses_have_a_limit() -> None:
    assert max(len(each.text) for each in read("word " * 2000)) <= LONGEST_CLAUSE
    assert max(len(each.text) for each in read("a" * 10_000)) <= LONGEST_CLAUSE


def test_letters() -> None:
    assert in_ascii("Ærøskøbing straße\N{NO-BREAK SPACE}½ Ω 日本") == "AEroskobing strasse 1/2  "
    assert in_ascii("‘a’ —b— −5\x00\x1b") == "'a'  - b -  -5"
