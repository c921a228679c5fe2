"""What a model thinks is not spoken, wherever its text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters.reasoning_filter import ABOUT_THE_USER, TAG, ReasoningFilter, starts_in_reasoning

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
            "Okay, ",
            "so the ",
            "user",
            "a",
            " ",
            "é",
        ]
    )
)


def spoken(*fragments: str, opened: bool | None = False) -> str:
    reasoning = ReasoningFilter(starts_in_reasoning=opened)
    return "".join([*map(reasoning.feed, fragments), reasoning.finish()])


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
def test_reasoning_is_not_spoken(text: str, heard: str) -> None:
    assert spoken(text) == heard
    assert spoken(*text) == heard


@given(PIECES, st.data(), st.sampled_from([True, False, None]))
def test_where_it_is_cut_changes_nothing(
    pieces: list[str], data: st.DataObject, opened: bool | None
) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    fragments = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    heard = spoken(*fragments, opened=opened)
    assert heard == spoken(text, opened=opened)
    assert not TAG.search(heard) or opened is not False
    if not TAG.search(text):
        assert heard == text.lstrip()


def test_nothing_is_held_back_that_is_no_tag() -> None:
    reasoning = ReasoningFilter()
    assert reasoning.feed("Is 1 ") == "Is 1 "
    assert reasoning.feed("<") == ""
    assert reasoning.feed(" 2") == "< 2"
    assert reasoning.feed("? Yes") == "? Yes"


def test_a_model_whose_prompt_opens_the_thought() -> None:
    reasoning = ReasoningFilter()
    assert reasoning.feed("Hm.</think>Hello.") == "Hm.Hello."
    assert reasoning.starts_in_reasoning
    after = ReasoningFilter(starts_in_reasoning=True)
    assert after.feed("Hm.") == ""
    assert after.feed("</think>Hello.") == "Hello."
    assert after.starts_in_reasoning is True
    # And once it does not think at all, all of it is spoken, if late.
    never = ReasoningFilter(starts_in_reasoning=True)
    assert never.feed("Hello.") == ""
    assert never.finish() == "Hello."
    assert not never.starts_in_reasoning


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Okay, the user says hello.</think>Hi!", "Hi!"),
        ("Alright, so the user wants tea.\n</think>\n\nTea it is.", "Tea it is."),
        ("Hmm. This user is in a hurry.</think>Yes.", "Yes."),
        ("The user manual says so.", "The user manual says so."),  # no thought, but late
        ("Okay, the use of it is small.", "Okay, the use of it is small."),
        ("Okay.", "Okay."),
        ("So the answer is yes.", "So the answer is yes."),
        ("<think>The user</think>Hi!", "Hi!"),
    ],
)
def test_a_model_that_nobody_knows(text: str, heard: str) -> None:
    assert spoken(text, opened=None) == heard
    assert spoken(*text, opened=None) == heard


def test_what_is_found_out_about_a_model() -> None:
    thinks, speaks, tags = (ReasoningFilter(starts_in_reasoning=None) for _ in range(3))
    assert thinks.feed("Okay, the user") == ""
    assert thinks.starts_in_reasoning is None  # left here, it is still not known
    thinks.feed(" is here.</think>Hi!")
    assert thinks.starts_in_reasoning is True
    assert speaks.feed("Sure") == "Sure"  # nothing is held back
    speaks.finish()
    assert speaks.starts_in_reasoning is False
    tags.feed("<think>Hm.</think>Hi!")
    tags.finish()
    assert tags.starts_in_reasoning is False
    assert not ABOUT_THE_USER.match("Other users like it.")


def test_a_model_that_gives_its_reasoning_apart() -> None:
    reasoning = ReasoningFilter(starts_in_reasoning=True)
    reasoning.reasoning_is_separate()
    assert reasoning.feed("Hello.") == "Hello."
    assert not reasoning.starts_in_reasoning


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("deepseek-r1:8b", True),
        ("Qwen/QwQ-32B", True),
        ("Qwen3-4B-Thinking-2507", True),
        ("llama3.2", None),
        ("qwen3:4b", None),  # opens its thoughts itself
    ],
)
def test_models_that_may_begin_in_a_thought(model: str, thinks: bool | None) -> None:
    assert starts_in_reasoning(model, official=False) is thinks
    assert starts_in_reasoning("gpt-4o-mini", official=True) is False
