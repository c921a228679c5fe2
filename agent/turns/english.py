"""English words by what they do at the end of an unfinished phrase, for `english_rules`.

Those that every language has are in `configs/languages/en`; here are finer classes of them.
"""

from agent.languages import listed, section

_END = section("en", "turns", "end")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _listed(name: str) -> frozenset[str]:
    return frozenset(listed(_END[name]))


FILLERS = _listed("fillers")
CONJUNCTIONS = _listed("conjunctions")
DETERMINERS = _listed("determiners")
WAITING = CONJUNCTIONS | DETERMINERS | _listed("waiting")
PREPOSITIONS = _listed("prepositions")
PARTICLES = _listed("particles")
MAY_END = PREPOSITIONS | _listed("may_end")
"""What a phrase seldom ends with, but may: I did not ask for that."""
LINKS = PREPOSITIONS | {"than", "like"}
"""After which "that" and "this" are all of what is meant: cheaper than that."""
SWITCHES = _set("turn switch put keep leave")
BE = _set("is are was were am isn't aren't wasn't weren't 'm 're 's")
PASSIVE = BE | _set("be been being get gets got getting")
PARTICIPLES = _set("sent made said told found taken bought given put set kept written known seen")
AUXILIARIES = _listed("auxiliaries") | BE | _set("'ll 'd 've")
INVERTED = AUXILIARIES - _set("be been being cannot let's gonna wanna 'll 'd 've")
SUBJECTS = _listed("subjects")
PRONOUNS = SUBJECTS | _set("you it this that there")
OBJECTS = _set("it them me him her us this that these everything all one you")
PERSONS = _set("me him her us them you")
THINGS = _set("what who which whom")
QUESTIONS = _listed("questions")
SUBORDINATE = _listed("subordinate")
OPENING = _set("if when where why how what whether because that which although unless while")
"""What opens a clause, in front of its subject."""
ADVERBS = _set("to and please never always just really actually also still only not")
GOVERNING = AUXILIARIES | PRONOUNS | PERSONS | ADVERBS
"""What stands before a verb."""
ADJECTIVES = _set(
    "large small big little good great nice new old long short red blue green black white hot cold "
    "other same next last first second third few different whole best favourite favorite certain"
)
COMMANDS = _listed("commands")
OBJECT_VERBS = COMMANDS - _set(
    "play stop start call switch turn remind read look help cancel let's"
)
"""Those that want an object; also as -s, -ed, -ing."""
VERBS_ONLY = _set("wants says tells gets gives brings asks makes said told gave bought wanted")
"""Those of them that are nothing else, whatever stands before."""
GIVING = _set("tell give show send bring let remind make get read teach")
CLOSING = _listed("closing")
HANGING = _listed("hanging")
OF = _set("capital name number meaning price population distance difference")
OPENERS = _set("so well okay ok hey hi hello please no yes yeah and but oh wait sorry alright um")
DIGITS = _listed("digits")
TENS = _listed("tens")
DIGITS_OF = {word: int(count) for word, count in map(str.split, listed(_END["digits_of"]))}
TELEPHONES = _set("phone telephone mobile cell fax")
PHRASES = _listed("phrases")
ENDINGS = _listed("endings")
# Words that other languages have too: they do not make a phrase English.
SHARED = _set(
    "a an in on no so me he as am was will has die do be made come son to him or is of her all "
    "we for at also long open over plus sent not"
)
ENGLISH = (
    frozenset().union(
        *(FILLERS, WAITING, PREPOSITIONS, PARTICLES, AUXILIARIES, PRONOUNS, OBJECTS),
        *(QUESTIONS, ADJECTIVES, COMMANDS, CLOSING, OPENERS, DIGITS, TENS),
    )
    - SHARED
)


def takes_object(word: str) -> bool:
    """Whether it is a verb, in any regular form, that wants an object."""
    stems = (word.removesuffix(ending) for ending in ("", "s", "d", "ed", "ing"))
    return word in VERBS_ONLY or any(s in OBJECT_VERBS or s + "e" in OBJECT_VERBS for s in stems)


def progressive(word: str) -> bool:
    """Whether it is an -ing form that a preposition may follow and end the phrase."""
    return word.endswith("ing") and word not in ("going", "trying", "planning", "hoping")


def numeral(word: str) -> bool:
    """Whether it is a number, or a part of one."""
    return word in DIGITS or word in TENS or word.isdecimal()
