"""English words by what they do at the end of an unfinished phrase, for `completeness`."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS = _set("um uh er erm uhm hmm mmm ah eh well basically")
CONJUNCTIONS = _set("and or but because cause if whether although unless while since nor so that")
DETERMINERS = _set("a an the my your his its our their every each another these those whose")
WAITING = (
    CONJUNCTIONS | DETERMINERS | _set("than very quite pretty not which who where when what also")
)
PREPOSITIONS = _set(
    "of with from into at by for between among against toward towards during without within under "
    "about to onto upon per via until till except including as near in on"
)
PARTICLES = _set("on off up down in out")
MAY_END = PREPOSITIONS | _set(
    "that this it so me us what who where why how is was am not say said know think mean two three "
    "one four five six seven eight nine ten eleven twelve zero oh"
)
"""What a phrase seldom ends with, but may: I did not ask for that."""
SWITCHES = _set("turn switch put keep leave")
BE = _set("is are was were am isn't aren't wasn't weren't 'm 're 's")
INVERTED = BE | _set(
    "do does did can could will would shall should may might must have has had don't doesn't "
    "didn't can't couldn't won't wouldn't shouldn't haven't hasn't hadn't"
)
AUXILIARIES = INVERTED | _set("be been being cannot let's gonna wanna 'll 'd 've")
SUBJECTS = _set("i he she we they")
PRONOUNS = SUBJECTS | _set("you it this that there")
OBJECTS = _set("it them me him her us this that these everything all one you")
PERSONS = _set("me him her us them you")
THINGS = _set("what who which whom")
QUESTIONS = THINGS | _set("where when why how")
SUBORDINATE = _set("if when while although unless whenever")
OPENING = _set("if when where why how what whether because that which although unless while")
"""What opens a clause, in front of its subject."""
ADVERBS = _set("to and please never always just really actually also still only not")
GOVERNING = AUXILIARIES | PRONOUNS | PERSONS | ADVERBS
"""What stands before a verb."""
ADJECTIVES = _set(
    "large small big little good great nice new old long short red blue green black white hot cold "
    "other same next last first second third few different whole best favourite favorite certain"
)
OBJECT_VERBS = _set(
    "add answer ask book bought bring buy carry change check choose close compare create delete "
    "describe enable explain find fix found gave get getting give going got guess have hope "
    "include keep know let like looking lose love made make mean meet need offer open order pick "
    "planning prefer put putting reach recommend remove rename replace said save say schedule see "
    "send sent set setting show suggest take tell think took translate try understand use visit "
    "want wear wonder write"
)
"""Those that want an object; also as -s, -ed, -ing."""
VERBS_ONLY = _set("wants says tells gets gives brings asks makes said told gave bought wanted")
"""Those of them that are nothing else, whatever stands before."""
GIVING = _set("tell give show send bring let remind make get read teach")
COMMANDS = OBJECT_VERBS | _set(
    "play stop start call switch turn remind read look help cancel let's"
)
CLOSING = _set("now today tonight tomorrow yesterday here there again too already later")
HANGING = _set("wait please sorry well so actually listen look hey")
OF = _set("capital name number meaning price population distance difference")
OPENERS = _set("so well okay ok hey hi hello please no yes yeah and but oh wait sorry alright um")
DIGITS = _set("zero oh one two three four five six seven eight nine double triple")
TENS = _set(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty "
    "forty fifty sixty seventy eighty ninety hundred thousand"
)
DIGITS_OF = {"number": 10, "phone": 10, "card": 16, "code": 4, "pin": 4, "address": 99}
PHRASES = frozenset(
    """yes|no|yeah|yep|nope|okay|ok|sure|stop|right|exactly|correct|maybe|never|always|hello|hi
    |hey there|bye|goodbye|good bye|thanks|thank you|no thanks|thank you very much
    |you're welcome|of course|of course not|good morning|good evening|good night|good afternoon
    |never mind|go ahead|go on|come on|come in|hold on|carry on|hang on|shut up|wake up|that's it
    |that's all|that's right|all right|alright|i see|i don't know|me too|not yet
    |not now|not really|not at all|i know|i agree|yes please|what|why|who|why not
    |how come|what else|what happened|what's up|excuse me|pardon|got it|sounds good
    |that's fine|i'm fine|i'm good|i'm done|let's go|help|cancel|pause|continue|repeat|next|quiet
    |enough|anything else|nothing else|no idea|show me|tell me why|please stop
    |why is that""".replace("\n    ", "").split("|")
)
ENDINGS = frozenset(
    """as well|at all|a lot|think so|hope so|guess so|so so|hope not|guess not|why not|of course
    |thank you|thanks|let me know|like that|do that|stop that|is that|about that|with that|say that
    |is this|like this|right now|too much|very much|so much|isn't it|don't you|or not|and so on
    |for now|you know what|so what
    |what do you think|do you do|a little|i guess|it depends""".replace("\n    ", "").split("|")
)
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
