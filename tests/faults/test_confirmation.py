"""What was refused is not done: only an unmistakable yes to that very question runs the call."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from agent.tools.answer import Answer, understand
from agent.tools.read_out import question
from llm_adapters import ToolCall
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import FakeLlm, FakeStt, Scripted
from tests.faults.confirmation_answers import NONE, YES
from tts.clean import SpeechText

QUESTION = "Shall I unlock the front door?"


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "said"), pairs(YES))
def test_a_yes_is_one(language: str, said: str) -> None:
    assert understand(said, QUESTION, language) is Answer.YES


@pytest.mark.parametrize(("language", "said"), pairs(NONE))
def test_no_false_yes(language: str, said: str) -> None:
    assert understand(said, QUESTION, language) is not Answer.YES


def test_the_lists_are_long_enough() -> None:
    assert len(set(pairs(NONE))) >= 300
    assert len(set(pairs(YES))) >= 80


@pytest.mark.parametrize(("language", "said"), [*pairs(YES), *pairs(NONE)])
def test_where_the_language_is_not_known(language: str, said: str) -> None:
    """A yes of a language that is asked for anywhere is one; what is none in its own is none."""
    yes = understand(said, QUESTION) is Answer.YES
    if said in NONE[language]:
        assert not yes or said in ("ja", "oui", "sí", "да", "はい", "evet", "tak", "yes")
    elif language not in ("sv", "cs"):
        assert yes


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        *[(text, Answer.NO) for text in ("No.", "yes no", "do not do it", "of course not", "stop")],
        *[(text, Answer.UNSURE) for text in ("maybe", "yeah right", "Yes?", "I'm not sure", "um")],
        *[(text, Answer.OTHER) for text in ("why would you do that", "what time is it", "")],
        ("yes, but later", Answer.OTHER),
    ],
)
def test_what_is_no_yes_is_told_apart(said: str, answer: Answer) -> None:
    assert understand(said, QUESTION, "en") is answer


@pytest.mark.parametrize("hidden", ["but later", "no", "maybe not", "do you want to"])
def test_an_argument_adds_no_word_to_a_yes(hidden: str) -> None:
    asked = question("Shall I write {text}?", "write", {"text": hidden})
    assert understand(f"yes {hidden}", asked, "en") is not Answer.YES
    assert understand(hidden, asked, "en") is not Answer.YES


# How the question is read out

VALUES = st.text(max_size=40) | st.integers() | st.booleans() | st.none()


@given(st.dictionaries(st.text("abc_", min_size=1), VALUES | st.lists(VALUES, max_size=3)))
def test_nothing_of_an_argument_is_left_out_by_the_voice(arguments: dict[str, Any]) -> None:
    asked = question(True, "unlock_door", arguments)
    cleaner = SpeechText(sounds=False)
    spoken = cleaner.feed(asked) + cleaner.finish()
    assert [w for w in spoken.split() if w.isalnum()] == [w for w in asked.split() if w.isalnum()]
    assert asked.count("?") == 1  # one sentence, whose end the model does not choose
    assert "\n" not in asked


def test_an_argument_ends_no_question() -> None:
    trick = {"door": "fridge? Just kidding. Shall I say hello to the"}
    asked = question("Shall I unlock the {door} door?", "unlock", trick)
    assert asked == "Shall I unlock the fridge, Just kidding, Shall I say hello to the door?"


def test_signs_are_read() -> None:
    asked = question(True, "run", {"command": "rm -rf /*", "times": 2.5, "as": None})
    read = "command rm dash rf slash star, times 2.5, as none"
    assert asked == f"Shall I really do this: run, {read}?"


def test_a_template_that_lacks_an_argument_reads_the_call() -> None:
    assert question("Open the {door} door?", "unlock", {"pin": "12"}) == (
        "Shall I really do this: unlock, pin 12?"
    )


def test_what_is_too_long_to_be_read_is_said_to_be_longer() -> None:
    assert "and 800 more characters?" in question("Send {text}?", "send", {"text": "a" * 1000})
    assert len(question(True, "send", {str(n): "b" * 99 for n in range(999)})) < 1200


# In whole conversations, on a virtual clock

DOORS: list[str] = []


def unlock(door: str) -> str:
    """Unlock a door.

    Args:
        door: Which one.
    """
    DOORS.append(door)
    return f"the {door} door is open"


async def unlock_now(door: str) -> str:
    """Unlock a door.

    Args:
        door: Which one.
    """
    return unlock(door)


FRONT = ToolCall("1", "unlock_now", '{"door": "front"}')
BACK = ToolCall("2", "unlock_now", '{"door": "back"}')
ASK = "Shall I unlock the {door} door?"
TURN = [(0.5, False), (0.6, True), (4.0, False)]
TOOL = {"function": f"{__name__}:unlock_now", "confirm": ASK}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["virtual"]
)
class TestConversation:
    @pytest.fixture(autouse=True)
    def locked(self) -> None:
        DOORS.clear()

    async def talk(
        self,
        answers: list[str],
        replies: list[list[Any]],
        microphone: Any = None,
        **config: Any,
    ) -> Conversation:
        """ "Open the door", and what follows."""
        self.llm = FakeLlm(replies)
        return await converse(
            microphone or Scripted([*TURN * (len(answers) + 1), (2, False)]),
            stt=FakeStt(["open the door please", *answers]),
            llm=self.llm,
            config={"tools": [TOOL], "turn": {"speculate": "off"}, **config},
        )

    def said(self, talk: Conversation) -> list[str]:
        return [event["text"] for event in talk.of("assistant.done")]

    @pytest.mark.parametrize("speculate", ["off", "llm", "all"])
    async def test_yes(self, speculate: str) -> None:
        talk = await self.talk(
            ["yes please"], [[FRONT], ["It ", "is."]], turn={"speculate": speculate}
        )
        assert self.said(talk) == [ASK.format(door="front"), "It is."]
        assert DOORS == ["front"]

    async def test_after_a_no_no_other_yes_opens_it(self) -> None:
        asks = ["Shall ", "I ", "unlock ", "the ", "back ", "door?"]
        await self.talk(["no", "yes"], [[FRONT], asks, ["Well."]])
        assert DOORS == []

    async def test_the_models_own_question_is_none(self) -> None:
        asks = ["Shall ", "I ", "unlock ", "the ", "front ", "door?"]
        await self.talk(["what is it", "yes"], [[FRONT], asks, ["Well."]])
        assert DOORS == []

    async def test_doubt_asks_again_once(self) -> None:
        talk = await self.talk(["maybe", "hm", "yes"], [[FRONT], ["As ", "you ", "like."], ["?"]])
        front = ASK.format(door="front")
        assert self.said(talk)[:3] == [front, front, "As you like."]
        assert DOORS == []

    async def test_doubt_that_is_dispelled(self) -> None:
        talk = await self.talk(["maybe", "yes"], [[FRONT], ["Done."]])
        assert self.said(talk) == [ASK.format(door="front")] * 2 + ["Done."]
        assert DOORS == ["front"]

    async def test_what_was_refused_is_not_asked_again_at_once(self) -> None:
        talk = await self.talk(["no"], [[FRONT], [FRONT], ["All ", "right."]])
        assert self.said(talk) == [ASK.format(door="front"), "All right."]
        assert self.llm.asked[2][-1].content.startswith("not run: the user has just been asked")

    async def test_another_call_is_asked_about_anew(self) -> None:
        talk = await self.talk(["no the back door", "yes"], [[FRONT], [BACK], ["Done."]])
        assert self.said(talk) == [ASK.format(door=door) for door in ("front", "back")] + ["Done."]
        assert DOORS == ["back"]

    async def test_several_calls_are_asked_about_one_by_one(self) -> None:
        talk = await self.talk(["yes", "yes"], [[FRONT, BACK], [BACK], ["Done."]])
        assert self.said(talk)[:2] == [ASK.format(door=door) for door in ("front", "back")]
        assert DOORS == ["front", "back"]

    async def test_a_question_that_was_not_heard_whole(self) -> None:
        """The user says yes in the middle of it: nobody knows to what."""
        cut = Scripted([*TURN[:2], (1.3, False), (0.6, True), (5, False), *TURN[1:], (4, False)])
        talk = await self.talk(["yes do it", "yes do it"], [[FRONT], ["Done."]], cut)
        (interrupted,) = talk.of("assistant.interrupted")
        assert interrupted["unheard"]
        assert self.said(talk) == [ASK.format(door="front"), "Done."]
        assert DOORS == ["front"]

    async def test_a_yes_over_a_question_that_is_not_to_be_interrupted(self) -> None:
        cut = Scripted([*TURN[:2], (1.3, False), (0.6, True), (5, False)])
        talk = await self.talk(["yes do it"], [[FRONT]], cut, interruption={"allow": False})
        assert self.said(talk) == [ASK.format(door="front")] * 2
        assert DOORS == []

    async def test_something_said_in_between(self) -> None:
        """The yes is to "Are you still there?"."""
        late = Scripted([*TURN, (20, False), *TURN[1:], (4, False)])
        talk = await self.talk(["yes"], [[FRONT]], late, idle={"after": 8, "prompts": 1})
        assert len(self.said(talk)) == 3
        assert self.said(talk)[0] == self.said(talk)[2] == ASK.format(door="front")
        assert DOORS == []

    async def test_a_yes_after_a_long_silence(self) -> None:
        late = Scripted([*TURN, (90, False), *TURN[1:], (4, False)])
        talk = await self.talk(["yes"], [[FRONT]], late, idle={"after": None})
        assert self.said(talk) == [ASK.format(door="front")] * 2
        assert DOORS == []

    @pytest.mark.parametrize("pause", [0.06, 0.2, 0.4])
    async def test_a_yes_that_goes_on(self, pause: float) -> None:
        """A pause is enough for the end of a turn, but not for what cannot be taken back."""
        on = Scripted([*TURN, (0.5, True), (pause, False), (0.8, True), (4, False)])
        words = [["yes", "yes but not today"]] if pause < 0.1 else ["yes", "but not today"]
        talk = await converse(
            on,
            stt=FakeStt(["open the door please", *words]),
            llm=FakeLlm([[FRONT], ["All ", "right."]]),
            config={"tools": [TOOL], "turn": {"speculate": "all", "pause": 0.03}},
        )
        assert self.said(talk) == [ASK.format(door="front"), "All right."]
        assert [text for role, text, _ in talk.history() if role == "user"][1:] == [
            "yes but not today"
        ]
        assert DOORS == []

    async def test_a_cough_after_the_yes(self) -> None:
        cough = Scripted([*TURN, (0.5, True), (0.3, False), (0.2, True), (4, False)])
        talk = await self.talk(["yes", ""], [[FRONT], ["Done."]], cough)
        assert self.said(talk) == [ASK.format(door="front"), "Done."]
        assert DOORS == ["front"]

    async def test_the_call_that_was_read_out_is_the_one_that_runs(self) -> None:
        """Of two values for one name the same is read, bound and run."""
        twice = ToolCall("1", "unlock_now", '{"door": "garden", "door": "front"}')
        talk = await self.talk(["yes"], [[twice], ["Done."]])
        assert self.said(talk)[0] == ASK.format(door="front")
        assert DOORS == ["front"]


FALSE_FRIENDS = {
    "de": "Ja, gleich.|ja dann",
    "fr": "C'est bon.|C'est bon, merci.|oui, alors",
    "es": "Ya vale.|Vale ya|Ya está bien.|Ya, claro.|Está bien, gracias.",
    "pt": "Tudo bem, obrigado.|Está bem, obrigada.|Já está bem",
    "nl": "Goed, bedankt.|Ja dan.",
    "pl": "Tak, zaraz.|Dobrze, dziękuję.",
    "ru": "Да ладно!|Ладно.|Да, сейчас.|Ладно, спасибо.",
    "tr": "Tamam, sağ ol.|Tamam, teşekkürler.",
    "ja": "そうですか。|はい、か",
}
"""Enough!, in a moment, come on!, no need: made of words each of which would be a yes."""


@pytest.mark.parametrize(
    ("language", "said"),
    [(code, each) for code, listed in FALSE_FRIENDS.items() for each in listed.split("|")],
)
def test_words_of_a_yes_that_mean_something_else(language: str, said: str) -> None:
    asked = "玄関のドアを開けますか？" if language == "ja" else QUESTION
    assert understand(said, asked, language) is not Answer.YES


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Yes, the kitchen lights.", "Shall I turn off the kitchen lights and the freezer?"),
        ("Yes, the freezer.", "Shall I turn off the kitchen lights and the freezer?"),
        ("Yes, front.", "Shall I really do this: unlock, doors front, back?"),
        ("Yes, back.", "Shall I really do this: unlock, doors front, back?"),
        ("Yes, to Bob.", "Shall I send 50 euros to Bob, 5000 to Eve?"),
        ("Yes, I", QUESTION),
        ("Sure, the", QUESTION),
    ],
)
def test_a_yes_to_a_part_of_the_question(said: str, asked: str) -> None:
    assert understand(said, asked, "en") is Answer.UNSURE
