"""What the tiny Whisper is taught to understand: sentences of about two hundred words.

`TRAINED` are the sentences themselves. `recombined("dev")` and `recombined("test")` say other
things with the same words; none of them is ever trained, and the two have none in common.
"""

import itertools
import random
import re

TEMPLATES = """
what is the capital of {france|spain|italy}
please tell me a story about the weather in {london|paris} today
tell me a story about {london|paris|france|a little dog}
what is the weather in {london|paris} {today|tomorrow}
is it going to rain {today|tomorrow|this afternoon}
turn {on|off} the {lights|music|radio} in the {kitchen|bedroom}
turn {on|off} the {lights|music|radio}
turn on the lights in the kitchen and play some music
play some music {please|in the kitchen|in the bedroom}
{set|start} a timer for {two|three|four|five|ten|fifteen|twenty|thirty} {seconds|minutes|hours}
set a timer for one {minute|hour}
wake me up at {six|seven|eight|nine} {tomorrow|in the morning}
{cancel|stop} the timer
how much time is left
how are you {today|this morning}
how old are you
how far is it to {london|paris|the market}
right
yeah
okay
yes
no
stop
wait
sure
thanks
hello
goodbye
uh huh
i see
go on
go on please
all right
that is right
that is enough
stop that is enough
stop please
be quiet please
never mind
wait a minute
wait what time is it
what time is it {now|in london|in paris}
what day is it {today|tomorrow}
what is your name
my name is {john|sarah}
call {john|sarah} {now|tomorrow|please}
send {john|sarah} a short message
send a message to {john|sarah}
{yes|no} please
yes do it
yes i am sure
no do not do it
no thank you
thank you very much
good {morning|evening|afternoon}
repeat that please
repeat that
say that again
please say it again
speak {louder|quieter} please
speak a little {louder|quieter}
speak {louder|quieter}
{louder|quieter} please
i am going to the market {this afternoon|today|tomorrow}
i would like you to help me write a short list
we need {bread|milk|cheese} for dinner
write a list of the things that we need for dinner
i am going to the market this afternoon and i would like you to help me write a short list \
of the things that we need for dinner
i would like to order {a|one} {large|small} pizza with {mushrooms|cheese|tomatoes}
i would like a cup of {coffee|tea} with milk
{two|three} cups of {coffee|tea} please
is there a {window|radio} in the {kitchen|bedroom}
add {bread|milk|cheese|coffee|tea} to the list
put {bread|milk|tomatoes} on my list
what is on my list
what is {two|three|four|six|seven} {plus|minus|times} {one|two|five|eight|nine}
count from one to {five|ten|twenty}
one two three four five
six seven eight nine ten
eleven twelve thirteen fourteen fifteen
twenty thirty forty fifty one hundred
tell me a joke
tell me another one
what can you do
can you help me
can you hear me
i can hear you
i do not understand
i feel {happy|sad|tired} today
i am {happy|sad|tired|hungry} and i need a holiday
open the {window|door} in the {kitchen|bedroom}
close the {window|door}
where is the {station|market}
where are my {keys|glasses}
when is the next train to {london|paris}
who is at the door
remind me to call {john|sarah} {at six|this evening|tomorrow}
delete {all|this} of the messages
"""

_DEV = """
please turn the music off
add coffee and bread to my list
what is the time in london now
set the timer for fifteen minutes please
i would like to hear a story about paris
wake me up in ten minutes
open the door for john
tell sarah that i am tired
how far is the station
is there a train to london this evening
write a message to sarah about the dinner
i need two cups of tea
"""

_TEST = """
play the radio in the kitchen tomorrow morning
please call the station and order a large pizza
tell john that we need milk and cheese
how much is seven plus fifteen
can you close the window in the bedroom
what is the weather today in the capital of italy
start the music in five minutes
i am hungry and i would like some bread
say good morning to sarah
turn off the lights at nine this evening
i do not need a holiday
where is the little dog
remind me to write a short message
the train to paris is at eight in the morning
put three tomatoes and one cheese on the list
yes i would like to hear it again
stop the music and tell me a joke
do you understand me now
"""

HOMOPHONES = {"john": "jon", "sarah": "sara"}
"""Names that sound the same: the second spelling is written when a hot word asks for it."""


def _expand(template: str) -> list[str]:
    parts = re.split(r"\{(.*?)\}", template)
    return ["".join(choice) for choice in itertools.product(*(part.split("|") for part in parts))]


TRAINED = tuple(
    dict.fromkeys(text for line in TEMPLATES.strip().splitlines() for text in _expand(line))
)
WORDS = tuple(sorted({word for text in TRAINED for word in text.split()}))

_CLEAR = tuple(sorted({*WORDS} - {"to", "two", "for", "four", "right", "write"}))
"""Words that need no neighbours to tell how they are written."""

_LITTLE = tuple("a and at do for i in is my of on that the to we you".split())  # noqa: SIM905
"""Words that are said in passing, and must be heard where no sentence expects them."""


def recombined(split: str) -> list[str]:
    """Sentences of known words that are not trained; `split` is dev or test."""
    texts = {"dev": _DEV, "test": _TEST}[split].strip().splitlines()
    unknown = {word for text in texts for word in text.split()} - set(WORDS)
    if unknown or set(texts) & set(TRAINED):
        raise ValueError(f"not recombined from trained words: {unknown or set(texts)}")
    return texts


def salad(count: int, seed: int, *, little: bool = False) -> list[str]:
    """Words in no order that a sentence has, so that no decoder learns sentences by heart.

    `little` words are in between where that is wanted.
    """
    chance = random.Random(seed)
    held_out = {*recombined("dev"), *recombined("test")}
    texts: list[str] = []
    while len(texts) < count:
        words: list[str] = []
        for _ in range(chance.randint(1, 5)):
            words += _chunk(chance) if chance.random() < 0.6 else [chance.choice(_CLEAR)]
            if little:
                words.append(chance.choice([word for word in _LITTLE if word != words[-1]]))
        if " ".join(words) not in held_out and len(words) <= 12:
            texts.append(" ".join(words))
    return texts


def _chunk(chance: random.Random) -> list[str]:
    """One to four words that follow each other in a sentence."""
    while True:
        words = chance.choice(TRAINED).split()
        first = chance.randrange(len(words))
        words = words[first : first + chance.randint(1, 4)]
        if len(words) > 1 or words[0] in _CLEAR:
            return words


def edits(said: list[str], heard: list[str]) -> int:
    """The fewest words to change, drop or add."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1]
