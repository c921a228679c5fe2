import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich._emoji_codes import EMOJI

from tts.clean import SpeechText

MARKS = st.text(
    alphabet=st.sampled_from("ab1 \n*_~`[]()!<>#-+|:./\\&;\"'=@hwtps^S😀\u200d\ufe0f\u20e3é重。")
)
SNIPPETS = st.lists(
    st.sampled_from(
        [
            "**", "*", "_", "~~", "`", "``", "```", "\n", "\n```\n", "# ", "- ", "1. ", "> ", "| ",
            "|---|", "[", "](", ")", "![", "https://", "www.", "<b>", "<", ">", "&amp;", "&",
            "[^1]", "[S1]", "(laughs)", "👨‍👩‍👧", "1️⃣", "word", " ", ". ", ", ", "a@b.c", "<!--",
            "-->", "\\",
        ]
    )
).map("".join)  # fmt: skip
PROSE = st.lists(
    st.text(alphabet=st.characters(categories=["L"]), min_size=1)
    | st.sampled_from(["it's", "3.14", "10:30", "$5,", "end.", "Really?", "(so)", "50%", "2*3"])
).map(" ".join)


def clean(*fragments: str) -> str:
    speech = SpeechText()
    return "".join([speech.feed(fragment) for fragment in fragments]) + speech.finish()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        # Prose.
        ("", ""),
        ("Hello, world.", "Hello, world."),
        ("It's 10:30; $29.95 (50%) — naïve café!", "It's 10:30; $29.95 (50%) — naïve café!"),
        ("two  spaces\tand a tab", "two spaces and a tab"),
        ("one\n\n\n  two\r\nthree", "one\ntwo\nthree"),
        ("Bonjour ! Ça va ?", "Bonjour ! Ça va ?"),
        # Emphasis.
        ("an *odd* **bold** _word_ __here__", "an odd bold word here"),
        ("***both*** and **a *b*** and *a **b** c*", "both and a b and a b c"),
        ("~~gone~~ but ~5 and ~~ too", "gone but ~5 and ~~ too"),
        ("**Note:** (*so*), \"*quoted*\".", "Note: (so), \"quoted\"."),
        ("2*3 and 5 * 3 * 2 and 2**3**4", "2*3 and 5 * 3 * 2 and 2**3**4"),
        ("snake_case_name and _a b_c d_", "snake_case_name and a b_c d"),
        ("这是**重点**内容", "这是重点内容"),
        ("**open and *open and _open", "**open and *open and _open"),
        ("**open\nclosed**", "**open\nclosed**"),
        ("Price* applies. * Note", "Price* applies. * Note"),
        ("f(*args, **kwargs)", "f(*args, **kwargs)"),
        (r"\*not\* C:\new \_x\_", r"*not* C:\new _x_"),
        # Blocks.
        ("# Title\ntext", "Title.\ntext"),
        ("## What now?", "What now?"),
        ("#5 and #tag", "#5 and #tag"),
        ("- one\n* two,\n+ three!\n  • four", "one.\ntwo,\nthree!\nfour."),
        ("- [ ] open\n- [x] **done**\n- [link](u)", "open.\ndone.\nlink."),
        ("-5 degrees\n-- dash", "-5 degrees\n-- dash"),
        ("1. first\n2) second\n10. tenth", "1. first.\n2. second.\n10. tenth."),
        ("3.14 is pi\n1984 was a year", "3.14 is pi\n1984 was a year"),
        ("> quoted\n> > twice\n> - item", "quoted\ntwice\nitem."),
        ("a\n---\nb\n* * *\nc\n===\n___", "a\nb\nc\n"),
        ("| Name | Age |\n|:-----|----:|\n| Ann | 41 |\n", "Name, Age.\nAnn, 41.\n"),
        ("| a | | `x|y` |\n+---+---+\nb | c", "a, x|y.\nb | c"),
        # Code.
        ("use `a*b*c` or ``x`y``", "use a*b*c or x`y"),
        ("an `open tick", "an `open tick"),
        ("So:\n```python\nx = 1\n\n# no\n```\nDone.", "So:\nCode omitted.\nDone."),
        ("~~~\n```\n~~~\nafter\n````\n```\n````", "Code omitted.\nafter\nCode omitted.\n"),
        ("> ```\n> x\n> ```\nafter", "Code omitted.\nafter"),
        ("- ```\n  x\n  ```\n- next", "Code omitted.\nnext."),
        ("```\nnever closed", "Code omitted.\n"),
        ("```inline``` code", "inline code"),
        # Links and addresses.
        ("[the *docs*](https://x.org/a_(b) \"T\") say", "the docs say"),
        ("![a cat](cat.png) [![x](y)](z)", "a cat x"),
        ("[note] (aside) arr[0] [a](b c) [open", "[note] (aside) arr[0] [a](b c) [open"),
        ("https://www.example.com/a?b=1", "example.com"),
        ("see http://a.b.org:80/x, www.c.de. (https://d.io/A_(b))", "see a.b.org, c.de. (d.io)"),
        ("**https://user:pw@e.com/_x_y**", "e.com"),
        ("<https://www.example.com/x> <me@example.com>", "example.com me@example.com"),
        ("[https://e.com/x](https://e.com/x)", "e.com"),
        ("a_b_c@www.example.com who http: www.", "a_b_c@www.example.com who http: www."),
        ("a fact[^1], another.[^note]\n[^1]: Source", "a fact, another.\nSource"),
        # HTML.
        ("<b>bold</b> a<br/>b <a href=\"https://x.y\">c</a>", "bold a b c"),
        ("a < b, x <3, a<b", "a < b, x <3, a<b"),
        ("a <!-- b > c --> d <!DOCTYPE html>", "a d"),
        ("Q&amp;A &lt;b&gt; &#233;&nbsp;x AT&T &nosuch; &", "Q&A <b> é x AT&T &nosuch; &"),
        # Emoji.
        ("Hi 👋 there 👍🏽!", "Hi there!"),
        ("👨‍👩‍👧‍👦 family 🇩🇪🇫🇷 flags 🏴󠁧󠁢󠁥󠁮󠁧󠁿.", "family flags."),
        ("1️⃣ one #️⃣ *️⃣ 2 # 3", "one 2 # 3"),
        ("Done ✅\nWow!🎉Yes", "Done\nWow! Yes"),
        ("© ™ ↔ → ↔️ ❤ ❤️", "© ™ ↔ →"),
        ("# Title 🎉", "Title."),
        # What engines understand.
        ("[S1] Hi. (laughs) Oh [S2](sighs)", "[S1] Hi. (laughs) Oh [S2](sighs)"),
        ("<break time=\"1s\"/> a <break/>", "<break time=\"1s\"/> a <break/>"),
    ],
)  # fmt: skip
def test_read_aloud(written: str, read: str) -> None:
    assert clean(written).rstrip(" ") == read
    assert clean(*written).rstrip(" ") == read


@given(MARKS | SNIPPETS | st.text(), st.data())
@example("```\n", None)
def test_the_fragments_do_not_matter(text: str, data: st.DataObject | None) -> None:
    whole = clean(text)
    assert clean(*text) == whole
    if data is not None:
        cut = data.draw(st.integers(0, len(text)))
        assert clean(text[:cut], text[cut:]) == whole


@given(PROSE)
def test_prose_stays_as_it_is_and_stays_so(text: str) -> None:
    assert clean(text) == text
    assert clean(clean(text)) == text


@given(SNIPPETS)
def test_no_double_spaces(text: str) -> None:
    lines = clean(text).split("\n")
    assert not any("  " in line or line.startswith(" ") for line in lines)


@given(PROSE)
def test_of_prose_hardly_anything_is_held_back(text: str) -> None:
    speech, heard = SpeechText(), ""
    for end, char in enumerate(text, 1):
        heard += speech.feed(char)
        last_word = text[:end].rstrip(" ").rpartition(" ")[2]
        assert len(text[:end].rstrip(" ")) - len(heard.rstrip(" ")) <= len(last_word) + 1


@pytest.mark.parametrize(
    ("fragments", "outputs"),
    [
        (["Well", ",", " ", "so"], ["Well", ",", " ", "so"]),
        (["Hello", " wor", "ld"], ["Hello", " wor", "ld"]),
        (["yes\n", "no"], ["yes\n", "no"]),
        (["a **b", " c", "** d"], ["a", "", " b c d"]),
        (["- ", "item", "\n"], ["", "item", ".\n"]),
        (["```\n", "x = 1\n", "```\nok"], ["Code omitted.\n", "", "ok"]),
        (["see https://e.com/", "x", " now"], ["see", "", " e.com now"]),
    ],
)
def test_it_comes_out_as_early_as_it_can(fragments: list[str], outputs: list[str]) -> None:
    speech = SpeechText()
    assert [speech.feed(fragment) for fragment in fragments] == outputs


def test_every_emoji_vanishes() -> None:
    textual = set("©®™ℹ↔↕↖↗↘↙↩↪▪▫▶◀◻◼♀♂♟♾✖➡⤴⤵⬅⬆⬇〰〽㊗㊙Ⓜ‼⁉⌨⏏⏭⏮⏯⏱⏲⏸⏹⏺")
    # The table has one symbol that Unicode does not count among the emoji.
    sequences = set(EMOJI.values()) - textual - {"⎈"} | {char + "\ufe0f" for char in textual}
    assert len(sequences) > 2000
    assert [seen for seen in sequences if clean(f"a {seen} b") != "a b"] == []
    assert [seen for seen in sequences if clean(*f"a {seen}.") != "a."] == []
    assert [char for char in textual if clean(char) != char] == []


def without_sounds(*fragments: str) -> str:
    speech = SpeechText(sounds=False)
    return "".join([speech.feed(fragment) for fragment in fragments]) + speech.finish()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Oh (laughs) no.", "Oh no."),
        ("(Sighs) All right (clears throat), then.", "All right, then."),
        ("That is funny. (laughs)", "That is funny. "),
        ("one (of us) laughs (laugh", "one (of us) laughs (laugh"),
        ("a (sighs", "a (sighs"),
        ("f(x) and (claps) ((sighs))", "f(x) and ( )"),
    ],
)
def test_sounds_that_an_engine_cannot_make_are_silent(written: str, read: str) -> None:
    assert without_sounds(written) == read
    assert without_sounds(*written) == read


def test_a_parenthesis_that_is_no_sound_is_not_held_back() -> None:
    speech = SpeechText(sounds=False)
    assert [speech.feed(part) for part in ["so ", "(c", "l", "o", "se)"]] == [
        "so",
        "",
        "",
        " (clo",
        "se)",
    ]
