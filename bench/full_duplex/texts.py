"""What is said. A bar in a user's sentence is where they pause."""

QUESTIONS = (
    "What is the capital of France?",
    "Can you tell me what time it is?",
    "How is the weather in London today?",
    "Please set an alarm for seven o'clock.",
    "Who wrote the book that we talked about yesterday?",
    "I would like to hear some music.",
    "How far is it from here to the station?",
    "What should I cook for dinner tonight?",
    "Turn on the light in the kitchen.",
    "Is there a pharmacy near the hotel?",
    "How do you say good morning in Spanish?",
    "Tell me a story about a dragon.",
    "Which train goes to the airport?",
    "I think I have lost my keys.",
    "Could you explain how a rainbow is made?",
    "When does the museum open on Sunday?",
)

PAUSED = (
    # At a filler or a word that cannot be the last one: anybody hears that more will come.
    "I would like to book a table for | four people tomorrow evening.",
    "Can you tell me, um, | what time the next train leaves?",
    "I am looking for a hotel that is close to the | main station.",
    "My phone number is | five five two nine one four.",
    "We went to the market and | bought some apples.",
    "Please send a message to my | sister and tell her that I am late.",
    "I was thinking about, uh, | going to the beach next week.",
    "Could you remind me to call the doctor on | Monday morning?",
    "The reason that I am calling is | that my order has not arrived.",
    "If it does not rain tomorrow | we would like to go to the park.",
    "I need a recipe with | chicken and rice.",
    "What I really want to know is | how much it costs.",
    "She told me that the | meeting was moved to Friday.",
    "Well, um, | I do not really know what to say about that.",
    "I want to fly from Berlin to | Madrid in the second week of May.",
    "The first thing is the rent, the second thing is | the electricity.",
    "How do I get to the museum from | the old town square?",
    "There are two problems with the car, and | the first one is the engine.",
    # Where it could be over: only the melody tells, or what comes next.
    "I would like to order a pizza | with mushrooms and onions.",
    "I went home early yesterday | because I was tired.",
    "Can you help me | find my glasses?",
    "Please turn off the lamp | in the bedroom.",
    "I bought a new computer | last week in the city.",
    "Tell me about the history | of the Roman empire.",
)

PAUSES = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2)
"""Seconds, one after the other over the sentences above."""

BACKCHANNELS = (
    ("Mm-hm.", "m m hh m m"),
    ("Right.", ""),
    ("Yeah.", ""),
    ("Okay.", ""),
    ("Uh-huh.", "ah hh ah"),
    ("I see.", ""),
    ("Oh yeah.", ""),
    ("Sure.", ""),
    ("Oh okay.", ""),
    ("Yes.", ""),
    ("Mm.", "m m m"),
    ("Oh right.", ""),
)
"""Each with its phones, where it is not spoken as it is spelt."""

INTERRUPTIONS = (
    "Wait, what time is it?",
    "Stop, that is enough.",
    "No, I meant the other one.",
    "Hold on, can you say that again?",
    "Actually, tell me about something else.",
    "Excuse me, how long will that take?",
    "Sorry, I did not understand the last word.",
    "What about the price?",
    "Please stop talking now.",
    "Can you speak more slowly?",
    "That is not what I asked.",
    "How much does the ticket cost?",
    "Let me ask you another question.",
    "I already know that, what comes next?",
)

SIDE_TALK = (
    "Dinner is ready, come to the table.",
    "Did you feed the cat this morning?",
    "I will be with you in a minute.",
    "Put the bags next to the door.",
    "Where did you leave the car keys?",
    "The children are playing outside.",
)

ANSWERS = (
    "Let me tell you what I know about it, since that is a long and rather interesting story "
    "which began many years ago in a small town near the sea where nobody had ever seen a snowy "
    "mountain.",
    "There are several ways to look at this question and all of them lead to the same place in "
    "the end so I will begin with the simple one and then go on to those that take a little more "
    "time.",
    "First you should take the road along the river until you see a large bridge made of stone "
    "and then you turn left at the bakery and follow the narrow street up the hill to the old "
    "church.",
    "The people who live there get up early every morning because the boats leave the harbour "
    "before sunrise and they return in the afternoon with enough fish for the market in the next "
    "village.",
)
"""Long ones, of about ten seconds, for the agent to be disturbed in."""

REACTION = "Of course, here is what you asked for."
"""What the agent says after an interruption."""

SHORT = "Certainly, that is easy to answer."
"""What the agent says to a question when it matters only when it says it."""

UNEXPECTED = "I am not sure what you mean by that."
"""What the agent says to words that should not have been a turn."""
