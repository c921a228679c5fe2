"""Words that look like markup are spoken; signs that carry a meaning are not dropped."""

import pytest

from tts.clean import SpeechText


def clean(*fragments: str) -> str:
    speech = SpeechText(sounds=False)
    return "".join([speech.feed(fragment) for fragment in fragments]) + speech.finish()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Press <Enter>, then type git checkout <branch>.", None),
        ("The rule is a<b and c>d.", "The rule is a<b and c>d."),
        ("A List<String> holds names; type <your name> first.", None),
        ("Press <Ctrl>+<C> or <Esc>.", "Press Ctrl + C or Esc."),
        ("cp <source.txt> <target/folder>", "cp source.txt target/folder"),
        ("A Map<String, Integer> here", "A Map String, Integer here"),
        ("Say <Menu>, <MENU>now.", "Say Menu, now."),
        ("if x <5 and y> 3", "if x <5 and y> 3"),
        ("5 < 6, x <3, e-5, mc^2, 10^6, –5", "5 < 6, x <3, e-5, mc^2, 10^6, –5"),
    ],
)
def test_only_elements_of_html_are_silent(written: str, read: str | None) -> None:
    expected = written.replace("<", " ").replace(">", "") if read is None else read
    expected = " ".join(expected.split())
    assert clean(written) == expected
    assert clean(*written) == expected


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="https://x.y/z?a=b&c=d" target=_blank>{}</a>',
        '<div class="x" hidden>{}</div>',
        "<B>{}</B>",
        '<img src="a.png" alt="some words"/>{}',
        "<span\n  style='color: red'>{}</span>",
        "<!-- not this -->{}<!-- nor > this -->",
        "<prosody rate='slow'>{}</prosody>",
        "{}<br /><hr>",
    ],
)
def test_elements_and_comments_are_silent(markup: str) -> None:
    assert clean(markup.format("words")).strip() == "words"
    assert clean(*markup.format("words")).strip() == "words"


@pytest.mark.parametrize(
    ("last", "heard"),
    [
        ("``` Then tell me what you see.", "Then tell me what you see."),
        ("```Then this.", "Then this."),
        ("  ```  and **that**", "and that"),
        ("```` More.", "More."),
        ("```", ""),
    ],
)
def test_what_follows_a_fence_is_heard(last: str, heard: str) -> None:
    text = f"Run this:\n```sh\nls\n{last}\nThank you."
    expected = ["Run this:", "Code omitted.", *([heard] if heard else []), "Thank you."]
    assert clean(text).split("\n") == expected
    assert clean(*text).split("\n") == expected


def test_a_block_inside_a_block_does_not_close_it() -> None:
    assert clean("```md\nSo:\n```python\nx = 1\n```\nok") == "Code omitted.\nok"


def test_a_line_of_code_may_be_long() -> None:
    speech = SpeechText()
    assert [speech.feed("```\n"), *(speech.feed("x" * 1000) for _ in range(50))][1:] == [""] * 50
    assert speech.feed("\n```\nok") == "ok"
