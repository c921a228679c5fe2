"""What Eliza answers, sentence by sentence."""

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_adapters import ADAPTERS, LanguageModel, Message, TextDelta, ToolCall, ToolSpec
from llm_adapters.eliza.adapter import Eliza, reflect, respond
from llm_adapters.eliza.rules import CHAT, FALLBACKS, INTENTS, STORIES

NOW = datetime(2026, 6, 25, 15, 10)


def talk(*texts: str, now: datetime = NOW) -> str:
    """The answer to the last of what the user says; each before it was answered with its own."""
    messages = [Message("system", "Be brief.")]
    for text in texts:
        messages.append(Message("user", text))
        messages.append(Message("assistant", respond(messages, now)))
    return messages[-1].content


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("what is the capital of france", "The capital of France is Paris."),
        ("What's the capital city of the United States?", "The capital of the United States is Wa"),
        ("capital of the uk please", "The capital of the UK is London."),
        ("what is the capital of nowhere", "I am sorry, I do not know that capital."),
        ("What time is it?", "It is ten past three in the afternoon."),
        ("wait what time is it", "It is ten past three in the afternoon."),
        ("do you know what time it is", "It is ten past three in the afternoon."),
        ("Tell me the time.", "It is ten past three in the afternoon."),
        ("what day is it today", "Today is Thursday, the twenty-fifth of June."),
        ("What's the date?", "Today is Thursday, the twenty-fifth of June."),
        ("what day of the week is it", "Today is Thursday, the twenty-fifth of June."),
        ("what day is tomorrow", "Tomorrow is Friday, the twenty-sixth of June."),
        ("what day was yesterday", "Yesterday was Wednesday, the twenty-fourth of June."),
        ("What year is it?", "It is two thousand and twenty-six."),
        ("what month is it", "It is June."),
        ("What is seven times six?", "Seven times six is forty-two."),
        ("repeat after me the quick brown fox", "the quick brown fox"),
        ("Please repeat after me: Hello, World!", "Hello, World!"),
        ("Could you say “good luck”", "good luck"),
        ("say what time is it", "what time is it"),
        ("say something", "With pleasure."),
        ("My name is Anna.", "Nice to meet you, Anna."),
        ("what is my name", "You have not told me your name yet."),
        ("What's your name?", "I am Eliza, a small program"),
        ("count to ten", "One, two, three, four, five, six, seven, eight, nine, ten."),
        ("Count from three to five, please.", "Three, four, five."),
        ("count down from 3", "Three, two, one."),
        ("count to a thousand", "That would take me too long."),
        ("tell me a story", STORIES[0]),
        ("Please tell me a story about the weather in London today.", STORIES[0]),
        ("what can you do", "I can tell you the time and the date, do arithmetic, count,"),
        ("set the timer for ten minutes", "I am sorry, I cannot set a timer yet."),
        ("Set a timer for ten minutes.", "I am sorry, I cannot set a timer yet."),
        ("Turn on the lights in the kitchen and play some music.", "I am sorry, I am not connect"),
        ("what is the weather like", "I am sorry, I cannot look at the weather."),
        ("hello", "Hello. What would you like to talk about?"),
        ("Good morning!", "Hello."),
        ("How are you today?", "I am very well, thank you. How are you?"),
        ("goodbye", "Goodbye."),
        ("thank you very much", "You are welcome."),
        ("Stop, that is enough.", "All right."),
        ("right", "I see. Go on."),
        ("I am so tired.", "I am sorry to hear that you are tired. What happened?"),
        ("i need you", "Why do you want me?"),
        ("I'd like to order a large pizza", "Why do you want to order a large pizza?"),
        ("can you help me with my homework", "I am afraid that I cannot help you with your homew"),
        ("I think you can hear me", "Why do you think that I can hear you?"),
        ("I can't sleep", "What keeps you from it?"),
        ("you're a machine", "What makes you think that I am a machine?"),
        ("My mother is coming.", "Tell me more about your mother."),
        ("my favourite colour is blue", "Tell me more about your favourite colour."),
        ("is it true", "I cannot say. What do you think?"),
        ("I went out. My brother stayed.", "Tell me more about your brother."),
        ("Who wrote Faust?", "I do not know. I am only a small program."),
        ("the sky is blue", FALLBACKS[0]),
        ("...", "I am listening."),
        ("", "I am listening."),
    ],
)
def test_answer(text: str, answer: str) -> None:
    assert talk(text).startswith(answer)


def test_the_market_request_is_refused_kindly() -> None:
    text = (
        "I am going to the market this afternoon and I would like you to help me write a short "
        "list of the things that we need for dinner."
    )
    assert talk(text).startswith("I am afraid I cannot do that.")


def test_remembers_the_last_name_given() -> None:
    assert talk("my name is anna", "hello", "what is my name") == "Your name is Anna."
    assert talk("My name is Anna.", "My name’s Ann", "Who am I?") == "Your name is Ann."
    assert talk("My name is not important.", "What is my name?").startswith("You have not told")


def test_says_its_last_answer_again() -> None:
    assert talk("what is two plus two", "say that again") == "Two plus two is four."
    assert talk("what did you say") == "I have not said anything yet."


def test_answers_are_taken_in_turn() -> None:
    answers = [talk(*["the sky is blue"] * count) for count in range(1, 7)]
    assert answers == [*FALLBACKS, FALLBACKS[0]]


def test_the_story_can_be_interrupted() -> None:
    assert all(story.count(". ") >= 4 for story in STORIES)


@pytest.mark.parametrize(
    ("hour", "minute", "spoken"),
    [
        (0, 0, "twelve o'clock at night"),
        (5, 1, "one minute past five in the morning"),
        (9, 15, "a quarter past nine in the morning"),
        (11, 45, "a quarter to twelve in the morning"),
        (12, 30, "half past twelve in the afternoon"),
        (12, 59, "one minute to one in the afternoon"),
        (17, 40, "twenty to six in the afternoon"),
        (18, 7, "seven minutes past six in the evening"),
        (23, 31, "twenty-nine minutes to twelve in the evening"),
    ],
)
def test_the_time_as_it_is_spoken(hour: int, minute: int, spoken: str) -> None:
    now = NOW.replace(hour=hour, minute=minute)
    assert talk("what time is it", now=now) == f"It is {spoken}."


@pytest.mark.parametrize(
    ("text", "reflected"),
    [
        ("you and my dog", "me and your dog"),
        ("I am yours", "you are mine"),
        ("what you think of me", "what I think of you"),
        ("hurt myself", "hurt yourself"),
    ],
)
def test_reflection(text: str, reflected: str) -> None:
    assert reflect(text) == reflected


def test_answers_can_be_spoken() -> None:
    """No markup, no digits, a full stop or a question mark at the end."""
    answers = [
        answer for rules in (INTENTS, CHAT) for answers in rules.values() for answer in answers
    ]
    for answer in [*answers, *FALLBACKS, *STORIES]:
        assert answer[0].isupper()
        assert answer[-1] in ".?"
        assert not set(answer.replace("{0}", "")) & set("*_#`<>[]{}0123456789\n")


@pytest.mark.anyio
async def test_streams_words_that_make_up_the_answer() -> None:
    eliza: LanguageModel = Eliza()
    await eliza.load()
    deltas = [delta async for delta in eliza.reply([Message("user", "what is 7 times 6")])]
    await eliza.aclose()
    words = ["Seven", " times", " six", " is", " forty-two."]
    assert deltas == [TextDelta(word) for word in words]


@pytest.mark.anyio
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=3))
async def test_never_fails_and_is_never_silent(texts: list[str]) -> None:
    messages = [Message("user", text) for text in texts]
    items = [item async for item in Eliza().reply(messages)]
    assert "".join(item.text for item in items if isinstance(item, TextDelta)).strip()


@given(text=st.text())
def test_echoes_anything(text: str) -> None:
    assert talk(f"repeat after me: x{text}x") == f"x{text}x"


VOCABULARY = """
    say repeat after me my name is what i you are can count from to down ten hundred thousand
    and a point plus minus times divided by percent of zero -5 3.5 1,000 the time date day
    capital france story set timer not ' . ? {0} { % ² ٣ \x00
"""


@settings(max_examples=500, deadline=None)
@given(words=st.lists(st.sampled_from(VOCABULARY.split()), min_size=1, max_size=30))
def test_never_fails_on_what_it_half_understands(words: list[str]) -> None:
    answer = talk(" ".join(words))
    assert answer.strip()


def test_is_registered() -> None:
    assert ADAPTERS["eliza"] == "llm_adapters.eliza:Eliza"


HANDOFF = ToolSpec(
    "handoff", "", {"type": "object", "properties": {"agent": {"enum": ["front", "the_expert"]}}}
)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("said", "to"),
    [
        ("Can I speak with the expert, please?", None),
        ("let me talk to the_expert", "the_expert"),
        ("Please put me through to the front desk.", "front"),
        ("what does front mean", None),
    ],
)
async def test_hands_over_to_whom_the_user_wants_to_speak_with(said: str, to: str | None) -> None:
    items = [item async for item in Eliza().reply([Message("user", said)], [HANDOFF])]
    calls = [json.loads(item.arguments) for item in items if isinstance(item, ToolCall)]
    assert calls == ([] if to is None else [{"agent": to}])
