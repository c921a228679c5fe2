"""What a model thinks is not spoken, wherever its text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters.thought import TAG, THINKERS, ThoughtFilter

PIECES = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<THINKING>",
            "</thought>",
            "<",
            "<t",
            "</",
            ">",
            "<b>",
            "a",
            " ",
            "é",
        ]
    )
)


def spoken(*fragments: str, opened: bool = False) -> str:
    thoughts = ThoughtFilter(opened=opened)
    return "".join([*map(thoughts.feed, fragments), thoughts.finish()])


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Hello.", "Hello."),
        ("<think>Hm.</think>\n\nHello.", "Hello."),
        ("\n<think>Hm.</think>Hello.", "Hello."),
        ("Hello. <think>What else?</think>Goodbye.", "Hello. Goodbye."),
        ("<Thinking>a < b</THINKING> Yes.", "Yes."),
        ("<think>one</think> a <reasoning>two</reasoning> b", "a  b"),
        ("a < b and <thin air>", "a < b and <thin air>"),
        ("It ends in <", "It ends in <"),
        ("It ends in <thin", "It ends in <thin"),
        ("<think>It never ends.", ""),
    ],
)
def test_thoughts(text: str, heard: str) -> None:
    assert spoken(text) == heard
    assert spoken(*text) == heard


@given(PIECES, st.data(), st.booleans())
def test_where_it_is_cut_changes_nothing(
    pieces: list[str], data: st.DataObject, opened: bool
) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    fragments = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    heard = spoken(*fragments, opened=opened)
    assert heard == spoken(text, opened=opened)
    assert not TAG.search(heard) or opened
    if not TAG.search(text):
        assert heard == text.lstrip()


def test_nothing_is_held_back_that_is_no_tag() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("Is 1 ") == "Is 1 "
    assert thoughts.feed("<") == ""
    assert thoughts.feed(" 2") == "< 2"
    assert thoughts.feed("? Yes") == "? Yes"


def test_a_model_whose_prompt_opens_the_thought() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("Hm.</think>Hello.") == "Hm.Hello."
    assert thoughts.opens_in_thought
    after = ThoughtFilter(opened=True)
    assert after.feed("Hm.") == ""
    assert after.feed("</think>Hello.") == "Hello."
    assert after.opens_in_thought is True
    # And once it does not think at all, all of it is spoken, if late.
    never = ThoughtFilter(opened=True)
    assert never.feed("Hello.") == ""
    assert never.finish() == "Hello."
    assert not never.opens_in_thought


def test_a_model_that_gives_its_thoughts_apart() -> None:
    thoughts = ThoughtFilter(opened=True)
    thoughts.apart()
    assert thoughts.feed("Hello.") == "Hello."
    assert not thoughts.opens_in_thought


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("deepseek-r1:8b", True),
        ("Qwen/QwQ-32B", True),
        ("Qwen3-4B-Thinking-2507", True),
        ("llama3.2", False),
        ("gpt-4o-mini", False),
        ("qwen3:4b", False),  # opens its thoughts itself
    ],
)
def test_models_that_may_begin_in_a_thought(model: str, thinks: bool) -> None:
    assert bool(THINKERS.search(model)) is thinks
