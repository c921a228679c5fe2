"""English: rules which read a phrase from its end."""

import re
from itertools import takewhile

from agent.languages import words as words_of
from agent.turns import english
from agent.turns.judgement import Judgement


def is_english(text: str) -> bool:
    """Whether a phrase whose language nobody knows is in English, by its words."""
    known = english.PHRASES | english.HANGING
    return " ".join(words_of(text)) in known or not english.ENGLISH.isdisjoint(_parts(text))


def judge_phrase(text: str) -> Judgement:
    """Judge by the words, which are English, and little else."""
    spoken = words_of(text)
    if " ".join(spoken) in english.PHRASES:
        return Judgement(0.95, "a phrase of its own")
    if len(spoken) == 1 and spoken[0] in english.HANGING:
        return Judgement(0.45, "something may follow")
    words = _parts(text)
    return _ended(words, text[-1]) or _finished(_core(words), text[-1])


def may_end(text: str, mark: str) -> bool:
    """Whether the last word is one that a sentence may end in, if seldom."""
    words = words_of(text)
    if mark in "?？؟":  # which is written after half a question too
        what = words[-1] in ("that", "this") and not english.LINKS.isdisjoint(words[-2:-1])
        return what or (words[-1] in english.PREPOSITIONS and _asks(words) == "thing")
    return words[-1] in english.MAY_END or words[-1].isdecimal()


def _parts(text: str) -> list[str]:
    """The words; contractions are two, except for negations."""
    return re.sub(r"(?<!let)'(m|re|s|ll|d|ve)\b", r" '\1", " ".join(words_of(text))).split()


def _ended(words: list[str], mark: str) -> Judgement | None:
    """What the phrase lacks, if anything; or that its end settles the matter."""
    last, core = words[-1], _core(words)
    answer = words[0] in ("yes", "yeah", "no") and core[0] in english.PRONOUNS and len(core) == 2
    if answer or any(" ".join(words[-n:]) in english.ENDINGS for n in (1, 2, 3)):
        return Judgement(0.85, "a phrase that ends here")
    if last == "well" and len(words) > 2 and words[-2] not in english.OPENERS:
        begins = words[-2] in english.CONJUNCTIONS  # …, and well, …
        return Judgement(0.1 if begins else 0.75, "ends in 'well'")
    if last in english.FILLERS:
        return Judgement(0.02, f"a filler, '{last}'")
    if last in english.WAITING:
        return Judgement(0.05, f"ends in '{last}'")
    if mark == "?":  # it was heard as a question: any other word may end one
        return None
    rules = (_number, _question, _preposition, _verb, _auxiliary, _object, _clause)
    return next((found for rule in rules if (found := rule(core))), None)


def _core(words: list[str]) -> list[str]:
    """The phrase without what only opens it ("okay so …") or is polite at its end."""
    start, end = 0, len(words)
    while end > 1 and words[end - 1] == "please":
        end -= 1
    while start < end - 1 and words[start] in english.OPENERS:
        start += 1
    return words[start:end]


def _asks(words: list[str]) -> str:
    """What is asked: for a "thing", for something "other", "whether", or "" for no question."""
    first, second = [*words, ""][:2]
    if first in english.THINGS or (first == "how" and second in ("much", "many")):
        return "thing"
    if first in english.QUESTIONS and (first != "when" or second in english.AUXILIARIES):
        return "other"
    command = first in ("do", "have") and second in english.DETERMINERS | {"it", "this", "that"}
    return "whether" if first in english.INVERTED and second and not command else ""


def _number(words: list[str]) -> Judgement | None:
    """My number is five five …; a timer for ten …."""
    count = len(list(takewhile(english.numeral, reversed(words))))
    if not count:
        return None
    digits = sum(len(word) if word.isdecimal() else 1 for word in words[-count:])
    before = words[: len(words) - count]
    told = before[-1:] in (["is"], ["'s"])
    needed = next((n for word, n in english.DIGITS_OF.items() if told and word in before), 0)
    if "number" in before and _of_something(before):  # the flight number is 408
        needed = 0
    if digits < needed or (not needed and digits == count > 1):
        return Judgement(0.1, "a number that goes on")
    if before and before[-1] in ("for", "in", "another"):
        return Judgement(0.2, "a number of what?")
    return None


def _of_something(words: list[str]) -> bool:
    """Whether "number" is of what has short ones, too: a flight, a room; not a telephone's."""
    owner = words[max(words.index("number") - 1, 0)]
    return owner not in english.TELEPHONES | english.DETERMINERS | {"number"}


def _question(words: list[str]) -> Judgement | None:
    """How many people …; what does the …; can you …; why is the sky …."""
    asks = _asks(words)
    if not asks:
        return None
    at = next((n for n, word in enumerate(words) if word in english.AUXILIARIES), None)
    if at is None:
        verb = len(words) > 3 or words[0] == "who" or words[1:2] == ["about"]
        verb = verb or not english.OBJECT_VERBS.isdisjoint(words)
        return None if verb else Judgement(0.2, "a question without a verb")
    subject = words[at + 1 :]
    if words[at] in english.BE and not (asks == "whether" or words[0] == "why"):
        relation = len(subject) == 2 and subject[0] == "the" and subject[1] in english.OF
        return Judgement(0.2, f"'{subject[1]}' of what?") if relation else None
    alone = len(subject) == 1 or (len(subject) == 2 and subject[0] in english.DETERMINERS)
    return Judgement(0.1, "a question with only its subject") if alone else None


def _preposition(words: list[str]) -> Judgement | None:
    """Ends in of, to, from …, unless what it belongs to came first: who are you talking to."""
    before, last = ["", *words][-2:]
    if last not in english.PREPOSITIONS and last not in english.PARTICLES:
        return None
    if last in english.PARTICLES and before in english.OBJECTS:
        return None  # turn it on
    if last in ("on", "off", "up", "down") and words[0] in english.SWITCHES and len(words) > 2:
        return None  # turn the lights on
    moved = _asks(words) == "thing" or (words[0] == "where" and last in ("from", "to"))
    if moved and (before in english.PRONOUNS | {"made", "come"} or english.progressive(before)):
        return None
    open_end = last in english.PREPOSITIONS or before in english.COMMANDS
    return Judgement(0.05, f"ends in '{last}'") if open_end else None


def _verb(words: list[str]) -> Judgement | None:
    """I would like to order …: a verb that wants an object."""
    before, last = ["", *words][-2:]
    if last.endswith("ly") and before in english.PRONOUNS:
        return Judgement(0.2, f"ends in '{last}'")
    verb = before in english.GOVERNING or len(words) == 1 or last in english.VERBS_ONLY
    closed = last.endswith("ed") or last in english.PARTICIPLES
    passive = before in english.PASSIVE and closed  # it is closed; it has been sent
    if not verb or passive or not english.takes_object(last):
        return None
    asks = _asks(words)
    asked = asks == "thing" and len(words) > 2  # what can i order
    asked = asked or not english.THINGS.isdisjoint(words[1:-2])  # tell me what you think
    asked = asked or (asks == "other" and last in ("know", "think", "going"))  # how do you know
    return None if asked else Judgement(0.1, f"'{last}' what?")


def _auxiliary(words: list[str]) -> Judgement | None:
    """The problem is …; but not: tell me what it is."""
    before, last = ["", *words][-2:]
    if last in english.SUBJECTS and (not _asks(words) or before not in english.BE):
        return Judgement(0.1, f"ends in '{last}'")
    asked = english.QUESTIONS | {"than", "as"}  # what it is; than he was
    answered = before in english.PRONOUNS and not asked.isdisjoint(words[:-2])
    answered = answered or (last in english.BE and _asks_of(words))
    answered = answered or (last == "do" and before in english.INVERTED)  # see what i can do
    answered = answered or (last == "may" and before in english.PREPOSITIONS)  # the month
    open_end = last in english.AUXILIARIES and not answered
    return Judgement(0.1, f"ends in '{last}'") if open_end else None


def _asks_of(words: list[str]) -> bool:
    """Whether a question inside asks of a thing: do you know where my glasses are."""
    asked = [n for n, word in enumerate(words[1:-2], 1) if word in english.QUESTIONS]
    if not asked:
        return False
    subject = words[asked[-1] + 1 : -1]
    return len(subject) in (2, 3) and subject[0] in english.DETERMINERS


def _object(words: list[str]) -> Judgement | None:
    """A large …: no noun yet; tell me …, i would like you …: half of it; my name …: just that."""
    first, before, last = ["", "", *words][-3:]
    if last in ("me", "us") and before in english.GIVING:
        return Judgement(0.1, f"'{before} {last}' what?")
    if last in english.PERSONS and before == "like" and first in ("would", "'d"):
        return Judgement(0.15, f"'like {last}' to do what?")
    if last in ("this", "some", "any") and before not in english.BE | english.PREPOSITIONS:
        return Judgement(0.4, f"'{last}' what?")
    nouns = [word for word in words if word not in english.ADJECTIVES]
    if last in english.ADJECTIVES and nouns and nouns[-1] in english.DETERMINERS:
        return Judgement(0.15, f"'{last}' what?")
    if len(words) == 2 and before in english.DETERMINERS:
        return Judgement(0.4, "nothing is said of it")
    return None


def _clause(words: list[str]) -> Judgement | None:
    """If it rains …: a clause that waits for the main one; … when the shop …: for its verb."""
    first, (opener, before, last) = words[0], ["", "", *words][-3:]
    subject = opener in english.OPENING and before in english.DETERMINERS
    if subject or (before in english.OPENING and last in english.PRONOUNS and len(words) > 2):
        return Judgement(0.25, f"'{last}' does what?")
    if first in english.SUBORDINATE and not _asks(words) and len(words) < 7:
        return Judgement(0.2, f"'{first}' …, then what?")
    return None


def _finished(words: list[str], mark: str) -> Judgement:
    """How sure it is that a phrase is finished which lacks nothing."""
    if mark == "?":
        return Judgement(0.95, "a question mark")
    if _asks(words):
        return Judgement(0.85, "a question")
    if len(words) > 1 and words[0] in english.COMMANDS:
        return Judgement(0.85, "a command")
    if len(words) > 1 and (mark == "!" or words[-1] in english.CLOSING):
        return Judgement(0.85, f"ends in '{words[-1]}'")
    clause = not (english.AUXILIARIES | english.OBJECT_VERBS | english.SUBJECTS).isdisjoint(words)
    if len(words) > 2 and clause:
        return Judgement(0.8 if mark == "." else 0.75, "lacks nothing")
    return Judgement(0.7 if len(words) > 3 else 0.6, "words that could be all")
