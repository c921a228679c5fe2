"""Control tokens, invented turns and thoughts in any notation are not spoken, however cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters.reasoning_filter import ReasoningFilter

PIECES = st.lists(
    st.sampled_from(
        [
            *("<|im_end|>", "<|im_start|>", "user", "assistant", "\n", "<|channel|>", "analysis"),
            *("final", "<|message|>", "<|end|>", "<|start|>", "[THINK]", "[/THINK]", "◁think▷"),
            *(
                "◁/think▷",
                "<seed:think>",
                "</seed:think>",
                "<",
                "[",
                "|",
                ">",
                "</s>",
                "<s>",
                "[IN",
            ),
            *("Paris. ", "a < b", "<Enter>", "<|", "▷", "<think a=b>", "</think>", "<|x|>", " "),
        ]
    )
).map("".join)


def heard(*fragments: str) -> str:
    reply = ReasoningFilter()
    return "".join([*map(reply.feed, fragments), reply.finish()])


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # As in the reports.
        (
            "Paris is the capital of France.<|im_end|>\n<|im_start|>user\nThanks a lot.<|im_end|>\n"
            "<|im_start|>assistant\nYou are welcome.",
            "Paris is the capital of France.",
        ),
        (
            "<|channel|>analysis<|message|>They want the capital. I must be brief.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>Paris is the capital of France.",
            "Paris is the capital of France.",
        ),
        ("◁think▷They want the capital.◁/think▷Paris.", "Paris."),
        ("<seed:think>They want the capital.</seed:think>Paris.", "Paris."),
        ('<think type="x">They want the capital.</think>Paris.', "Paris."),
        ("[THINK]They want the capital.[/THINK]Paris.", "Paris."),
        # Others of their kinds.
        ("Paris.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nThanks.", "Paris."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nParis.<|eot_id|>", "Paris."),
        ("<|im_start|>assistant\nParis.<|im_end|>", "Paris."),
        ("Paris.<end_of_turn>\n<start_of_turn>user\nThanks.", "Paris."),
        ("<s> Paris.</s>[INST] Thanks [/INST]", "Paris."),
        ("Paris.[/INST] Thanks", "Paris."),
        ("Paris.<|endoftext|>Human: Thanks", "Paris."),
        ("Paris.<|end|>\n<|user|>\nThanks.<|end|>\n<|assistant|>\nYes.", "Paris."),
        ("<|assistant|>\nParis.\n<|user|>\nThanks.", "Paris.\n"),
        ("Paris.<｜end▁of▁sentence｜><｜User｜>Thanks.", "Paris."),
        ("<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>Paris.", "Paris."),
        ("<unused94>thought\nHm.<unused95>Paris.", "Paris."),
        ("<|channel>thought\nHm.<channel|>Paris.", "Paris."),
        ("⟨think⟩Hm.⟨/think⟩Paris. 【think】Hm.【/think】Rome.", "Paris. Rome."),
        ("<|channel|>final<|message|>Paris.<|return|>", "Paris."),
        ("<|channel|>commentary<|message|>One moment.<|end|>", "One moment."),
        ("<|channel|>commentary to=functions.lamp <|constrain|>json<|message|>{}<|call|>", ""),
        ("A <|tool_call_begin|>lamp{}<|tool_call_end|> B", "A  B"),
        ("<reflection>Hm.</reflection>Paris. <scratchpad>So</scratchpad>", "Paris. "),
        # No tokens and no thoughts.
        ("It was <s>bad</s> good.", "It was <s>bad</s> good."),
        ("a < b | c > d, [I] and [IN] x <| y |> z", "a < b | c > d, [I] and [IN] x <| y |> z"),
        ("I [think] so", "I [think] so"),
        ("Press <Enter> or <think about it>.", "Press <Enter> or <think about it>."),
        ("ends in <|im_end", "ends in <|im_end"),
    ],
)
def test_it_is_not_spoken(written: str, spoken: str) -> None:
    assert heard(written) == spoken
    assert heard(*written) == spoken


@given(PIECES, st.integers(1, 7))
def test_where_it_is_cut_changes_nothing(text: str, size: int) -> None:
    whole = heard(text)
    assert heard(*(text[i : i + size] for i in range(0, len(text), size))) == whole
    assert "<|im_" not in whole


def test_after_its_end_a_reply_is_over() -> None:
    reply = ReasoningFilter()
    assert reply.feed("Paris.<|im_end") == "Paris."
    assert not reply.over
    reply.feed("|>")
    assert reply.over
    assert reply.feed(" Thanks.") == ""


def test_nothing_is_held_back_for_long_that_is_no_token() -> None:
    reply = ReasoningFilter()
    assert reply.feed("Is 1 ") == "Is 1 "
    assert reply.feed("< 2 [see") == "< 2 [see"
    assert len(reply.feed("<" + "x" * 100)) >= 100
    assert len(reply.feed(" <think " + "of it " * 20)) >= 100
