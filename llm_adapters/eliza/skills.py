"""Skills of Eliza, what she can do: each answers a turn, or leaves it to the next."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from llm_adapters.eliza import arithmetic
from llm_adapters.eliza.numbers import cardinal, ordinal, read
from llm_adapters.eliza.rules import CAPITALS, STORIES

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# fmt: off
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)
# fmt: on
HIGHEST_COUNT = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the user's, to be answered."""

    said: str
    """The user's last words as they came, without white space around them."""
    text: str
    """The same, spelled out, without punctuation and in lower case."""
    earlier: tuple[str, ...]
    """What the user said before, as it came."""
    last_reply: str
    now: datetime

    @property
    def number(self) -> int:
        """How many turns came before: what takes answers in turn."""
        return len(self.earlier)


def echo(turn: Turn) -> str | None:
    """Answers "Repeat after me: hello", word for word."""
    if re.search(r"^(?:please )?(?:say|repeat) that(?: again)?$|what did you say$", turn.text):
        return turn.last_reply.strip() or "I have not said anything yet."
    for pattern in (
        r".*?\b(?:repeat|say) after me\b(.*)",
        r"(?:please,?\s+|(?:can|could|would|will) you\s+)*(?:repeat|say)\b(?! something\b)(.*)",
    ):
        if request := re.fullmatch(pattern, turn.said, re.IGNORECASE | re.DOTALL):
            return request[1].strip(' \t\r\n:,"“”').strip() or None
    return None


def name(turn: Turn) -> str | None:
    """Answers "My name is Anna" and "What is my name?"."""
    if re.search(r"\bwhat is my name\b|\b(?:know|remember) my name\b|\bwho am i$", turn.text):
        names = [found for text in turn.earlier if (found := introduced(text))]
        return f"Your name is {names[-1]}." if names else "You have not told me your name yet."
    found = introduced(turn.said)
    return f"Nice to meet you, {found}." if found else None


def introduced(text: str) -> str | None:
    """Find the name that the speaker of `text` gives."""
    found = re.search(
        r"\b(?:my name(?: is|['’]s)|call me|i(?: am|['’]m) called) ([^\W\d_][\w'-]*)", text, re.I
    )
    if found is None or found[1].lower() in {"not", "a", "the", "what", "when", "if", "as", "in"}:
        return None
    return found[1][0].upper() + found[1][1:]


def time(turn: Turn) -> str | None:
    """Answers "What time is it?"."""
    asked = (
        r"\btime (?:is it|it is)\b|\b(?:is|me|know|have) the(?: current)? time(?: now| please)?$"
    )
    if re.search(asked, turn.text):
        return f"It is {clock(turn.now)}."
    return None


def clock(now: datetime) -> str:
    """Spell the time of day out: "ten past three in the afternoon"."""
    minute = now.minute
    hour = cardinal((now.hour + (minute > 30) + 11) % 12 + 1)
    count = minute if minute <= 30 else 60 - minute
    past = "past" if minute <= 30 else "to"
    if minute == 0:
        words = f"{hour} o'clock"
    elif count in {15, 30}:
        words = f"{'half' if count == 30 else 'a quarter'} {past} {hour}"
    elif count % 5 == 0:
        words = f"{cardinal(count)} {past} {hour}"
    else:
        words = f"{cardinal(count)} {'minute' if count == 1 else 'minutes'} {past} {hour}"
    parts = ((5, "at night"), (12, "in the morning"), (18, "in the afternoon"))
    part = next((words for end, words in parts if now.hour < end), "in the evening")
    return f"{words} {part}"


def date(turn: Turn) -> str | None:
    """Answers "What day is it?" and "What is the date tomorrow?"."""
    if re.search(r"\bwhat year is (?:it|this)\b", turn.text):
        return f"It is {cardinal(turn.now.year)}."
    if re.search(r"\bwhat month is (?:it|this)\b", turn.text):
        return f"It is {MONTHS[turn.now.month - 1]}."
    asked = (
        r"\b(?:what|which) (?:day |day of the week |date )?(?:is|was) "
        r"(?:today|tomorrow|yesterday|the date|today'?s date)\b"
        r"|\b(?:what|which) (?:day|day of the week|date) (?:is|was) it\b"
        r"|\b(?:tell me|know) the date\b"
    )
    if not re.search(asked, turn.text):
        return None
    if "tomorrow" in turn.text:
        return f"Tomorrow is {day(turn.now + timedelta(days=1))}."
    if "yesterday" in turn.text:
        return f"Yesterday was {day(turn.now - timedelta(days=1))}."
    return f"Today is {day(turn.now)}."


def day(now: datetime) -> str:
    """Spell the date out: "Thursday, the twenty-fifth of June"."""
    return f"{WEEKDAYS[now.weekday()]}, the {ordinal(now.day)} of {MONTHS[now.month - 1]}"


def calculate(turn: Turn) -> str | None:
    """Answers "What is seven times six?"."""
    return arithmetic.answer(turn.said.replace("’", "'"))


def capital(turn: Turn) -> str | None:
    """Answers "What is the capital of France?"."""
    asked = re.search(r"\bcapital(?: city)? of (.+)", turn.text)
    if asked is None:
        return None
    place = asked[1].removeprefix("the ")
    for country, city in CAPITALS.items():
        bare = country.removeprefix("the ")
        if f"{place} ".startswith(f"{bare} "):
            proper = bare.upper() if bare in {"uk", "usa"} else bare.title()
            the = "the " if country != bare else ""
            return f"The capital of {the}{proper} is {city}."
    return "I am sorry, I do not know that capital."


def count(turn: Turn) -> str | None:
    """Answers "Count to ten" and "Count down from five"."""
    asked = re.search(r"\bcount (?:up |down )?((?:from|to|till|until) .+)", turn.text)
    if asked is None:
        return None
    words = asked[1].split()
    ends: dict[str, int] = {}
    for index, word in enumerate(words):
        number = read(words, index + 1)
        if word in {"from", "to", "till", "until"} and number is not None:
            ends.setdefault("from" if word == "from" else "to", int(number[0]))
    if not ends:
        return None
    first, last = ends.get("from", 1), ends.get("to", 1)
    if max(first, last) > HIGHEST_COUNT:
        return "That would take me too long. I count to one hundred at most."
    step = 1 if first <= last else -1
    return ", ".join(map(cardinal, range(first, last + step, step))).capitalize() + "."


def story(turn: Turn) -> str | None:
    """Answers "Tell me a story"."""
    if re.search(r"\b(?:tell|read|give|know|hear)\b.*\bstor(?:y|ies)\b|^story$", turn.text):
        return STORIES[turn.number % len(STORIES)]
    return None


SKILLS: tuple[Callable[[Turn], str | None], ...] = (
    echo,
    name,
    time,
    date,
    calculate,
    capital,
    count,
    story,
)
"""Asked in this order."""
