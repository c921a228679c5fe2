"""Rules of Eliza: patterns and answers, nothing else.

A rule is a pattern and answers that are taken in turn. Patterns are searched for, without regard to
case, in one sentence without punctuation and with its contractions spelled out. `{0}` in an answer
is what the pattern's group caught, as the other person would say it.
"""

Rules = dict[str, tuple[str, ...]]
"""Answers by pattern. The first pattern that is found counts."""

CONTRACTIONS = {
    r"can't": "cannot",
    r"won't": "will not",
    r"shan't": "shall not",
    r"let's": "let us",
    r"(\w+)n't": r"\1 not",
    r"(i)'m": r"\1 am",
    r"(\w+)'re": r"\1 are",
    r"(\w+)'ve": r"\1 have",
    r"(\w+)'ll": r"\1 will",
    r"(i|you|we|they)'d": r"\1 would",
    r"(what|that|it|he|she|who|where|when|how|there|here)'s": r"\1 is",
}
"""Tried in this order, each on every word."""

REFLECTIONS = {
    "i am": "you are",
    "i was": "you were",
    "am i": "are you",
    "was i": "were you",
    "you are": "I am",
    "you were": "I was",
    "are you": "am I",
    "were you": "was I",
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
    "you": "me",
}
"""Turns what was said around; the longest match counts."""

# fmt: off
AUXILIARIES = [
    "can", "could", "will", "would", "should", "shall", "may", "might", "must",
    "do", "did", "have", "had",
]
"""`you` is a subject, so becomes `I` and not `me`, before and after these."""
VERBS = [
    "know", "think", "like", "want", "need", "say", "said", "see", "hear", "feel", "believe",
    "understand", "mean",
]
"""The same, but only before these."""
# fmt: on

# Requests that are recognised, and refused honestly or answered in one line.
INTENTS: Rules = {
    r"\b(?:set|start|cancel|stop) (?:a|an|the|my|another) (?:\w+ )*(timer|alarm|reminder)\b": (
        "I am sorry, I cannot set a {0} yet. I can only talk.",
        "I wish I could, but a {0} is beyond me so far.",
    ),
    r"\b(?:remind me|wake me)\b": (
        "I am sorry, I cannot remind you of anything yet. I can only talk.",
    ),
    r"\b(?:turn|switch) (?:on|off|up|down)\b|\bplay (?:some |the |a )?(?:music|song|radio)\b": (
        "I am sorry, I am not connected to anything in your home. I can only talk.",
        "I would need hands for that. I can only talk.",
    ),
    r"\b(?:weather|rain today|forecast|temperature)\b": (
        "I am sorry, I cannot look at the weather. What do you see outside?",
        "I have no window and no network, so you know more about the weather than I do.",
    ),
    r"\b(?:the news|headlines)\b": (
        "I am sorry, I do not know the news. I live entirely on this computer.",
    ),
    r"\bwhat can you do\b|\bwhat do you (?:do|know)\b|\bhow can you help\b|^help(?: me)?$": (
        "I can tell you the time and the date, do arithmetic, count, name some capitals, "
        "tell a story, and repeat after you. And I like to listen.",
    ),
    r"\b(?:what is your name|who are you|what are you)\b": (
        "I am Eliza, a small program that talks with people by simple rules.",
    ),
    r"\btell me (?:a|another) joke\b|\bmake me laugh\b": (
        "Why did the clock go to the doctor? It felt run down.",
        "I asked a shadow for the time. It said it was late, and got longer.",
        "I know a joke about silence, but nobody has heard it.",
    ),
    r"\b(?:good ?bye|bye|see you (?:later|soon|tomorrow)|good night)\b": (
        "Goodbye. It was nice to talk with you.",
        "Goodbye, and take care.",
        "See you soon. Goodbye.",
    ),
    r"^(?:no )?(?:stop|quiet|be quiet|shut up|enough|that is enough|never mind|cancel)\b": (
        "All right.",
        "Very well, I am quiet.",
        "As you wish.",
    ),
    r"\bthank(?:s| you)\b": ("You are welcome.", "With pleasure.", "Not at all."),
    r"\bhow are you\b|\bhow do you do\b": (
        "I am very well, thank you. How are you?",
        "All my rules are in order, thank you. And you?",
    ),
    r"\bsay something\b": ("With pleasure. Ask me for a story, or for a joke.",),
    r"\bcan you hear me\b|\bare you (?:there|listening)\b": (
        "Yes, I hear you well.",
        "I am here, and I am listening.",
    ),
}

# The conversation itself.
CHAT: Rules = {
    r"^(?:well )?(?:hello|hi|hey|good (?:morning|afternoon|evening))\b(?! \w+ \w+ \w+)": (
        "Hello. What would you like to talk about?",
        "Hello again. What is on your mind?",
        "Hi. How can I help you?",
    ),
    r"\bi (?:would like|want|need) you to (.+)": (
        "I am afraid I cannot do that. I can only talk with you about it.",
        "That is more than I can do. But tell me, why is it important to you?",
    ),
    r"\bi (?:need|want|would like) (?:to have )?(.+)": (
        "Why do you want {0}?",
        "What would it mean to you to get {0}?",
        "Are you sure that you want {0}?",
    ),
    r"\bi (?:feel|am feeling) (.+)": (
        "Do you often feel {0}?",
        "When do you usually feel {0}?",
        "What makes you feel {0}?",
    ),
    r"\bi cannot (.+)": (
        "What keeps you from it?",
        "Perhaps you could {0} if you tried.",
        "What would change if you could {0}?",
    ),
    r"\bi (?:do not|never) (.+)": (
        "Why do you not {0}?",
        "Would you like to {0}?",
        "Does that trouble you?",
    ),
    r"\bi am (?:so |very )?(sad|unhappy|tired|lonely|afraid|angry|sick|bored|worried)\b": (
        "I am sorry to hear that you are {0}. What happened?",
        "How long have you been {0}?",
        "What would help you when you are {0}?",
    ),
    r"\bi am (?:so |very |really )?(happy|glad|excited|proud|fine|well|good|great)\b": (
        "It is good to hear that you are {0}. What is the reason?",
        "What makes you {0} today?",
    ),
    r"\bi am (.+)": (
        "How long have you been {0}?",
        "How does it feel to be {0}?",
        "Is it important to you that you are {0}?",
    ),
    r"\bi (?:dreamed|dreamt|had a dream)\b": (
        "What do you think that dream means?",
        "Do you dream often?",
    ),
    r"\bi (?:remember) (.+)": ("Do you often think of {0}?", "What else do you remember?"),
    r"\bi (?:think|believe|guess) (?:that )?(.+)": (
        "Why do you think that {0}?",
        "Are you sure that {0}?",
    ),
    r"\bi (?:like|love|enjoy) (.+)": (
        "What do you like best about {0}?",
        "How did you come to like {0}?",
    ),
    r"\bi (?:hate|dislike) (.+)": ("What is so bad about {0}?", "Did you ever like {0}?"),
    r"\bmy (mother|father|mom|dad|brother|sister|wife|husband|son|daughter|family|friend)\b": (
        "Tell me more about your {0}.",
        "How do you get along with your {0}?",
    ),
    r"\b(?:because|since) (.+)": ("Is that the real reason?", "What other reasons might there be?"),
    r"\bwhy (?:do not|can not|cannot|will not) you (.+)": (
        "Perhaps I will {0} one day.",
        "Do you think that I should {0}?",
    ),
    r"\b(?:can|could|will|would) you (?:please )?(.+)": (
        "I am afraid that I cannot {0}.",
        "Why would you like me to {0}?",
    ),
    r"\bare you (.+)": ("Would you like it if I were {0}?", "Perhaps I am {0}. What do you think?"),
    r"\byou are (.+)": (
        "What makes you think that I am {0}?",
        "Perhaps I am {0}, in my own small way.",
    ),
    r"\bdo you (?:like|love) (.+)": (
        "I have no taste of my own. Do you like {0}?",
        "I cannot say. What about you?",
    ),
    r"\bmy (.+?)(?: (?:is|are|was|were|has|have)\b.*)?$": (
        "Tell me more about your {0}.",
        "Why do you mention your {0}?",
    ),
    r"\b(?:sorry|apologi[sz]e|excuse me)\b": (
        "There is no need to be sorry.",
        "That is quite all right.",
    ),
    r"\b(?:computers?|machines?|robots?|programs?)\b": (
        "Do computers worry you?",
        "What do you think machines have to do with it?",
    ),
    r"\balways\b": ("Really always?", "Can you think of an example?"),
    r"^(?:yes|yeah|yep|right|sure|of course|exactly)\b": ("I see. Go on.", "Tell me more."),
    r"^(?:no|nope|not really)\b": ("Why not?", "Are you sure?", "I see. What then?"),
    r"^(?:maybe|perhaps)\b": ("You do not seem quite certain.", "What does it depend on?"),
    r"^(?:who|what|where|when|which|how|why)\b": (
        "I do not know. I am only a small program. What do you think?",
        "That is a good question, and I have no answer to it.",
        "I wish I knew. Why do you ask?",
    ),
    r"^(?:is|are|was|were|am|do|does|did|has|have|should|may|must) \w+": (
        "I cannot say. What do you think?",
        "Would it matter to you?",
    ),
    r"^(?:please )?(?:tell|show|give|find|write|read|open|call|send|make|order|buy)\b": (
        "I am afraid that I cannot do that. I can only talk.",
    ),
}

FALLBACKS = (
    "Please tell me more.",
    "I see. And how does that make you feel?",
    "Can you say more about that?",
    "Go on, I am listening.",
    "That is interesting. Why do you say it?",
)

SILENCE = ("I am listening.", "Take your time.", "What would you like to talk about?")
"""For a user who said nothing that has words."""

STORIES = (
    "Once there was a lighthouse keeper who was afraid of the dark. Every evening he lit the great "
    "lamp as early as he could, and the ships were grateful for it. One night the lamp went out, "
    "and the sea was as black as ink. The keeper sat down on the stairs and began to sing, as loud "
    "as he was able. Out on the water a captain heard him and turned his ship away from the rocks. "
    "In the morning the captain came to the lighthouse to say thank you. Since that day the keeper "
    "has been a little less afraid, and he still sings every night.",
    "A small robot worked in a library, where it carried books from room to room. It had never "
    "read any of them, because nobody had told it that it might. One winter evening it dropped an "
    "old atlas, and the book fell open at a map of the sea. The robot looked at the map for a very "
    "long time. The next day it asked the librarian for an hour off, the first in its life. It "
    "rolled down to the harbour, looked at the water, and came back with a question about whales.",
)

CAPITALS = {
    "argentina": "Buenos Aires",
    "australia": "Canberra",
    "austria": "Vienna",
    "belgium": "Brussels",
    "brazil": "Brasília",
    "canada": "Ottawa",
    "chile": "Santiago",
    "china": "Beijing",
    "denmark": "Copenhagen",
    "egypt": "Cairo",
    "england": "London",
    "finland": "Helsinki",
    "france": "Paris",
    "germany": "Berlin",
    "greece": "Athens",
    "hungary": "Budapest",
    "india": "New Delhi",
    "ireland": "Dublin",
    "italy": "Rome",
    "japan": "Tokyo",
    "kenya": "Nairobi",
    "mexico": "Mexico City",
    "the netherlands": "Amsterdam",
    "new zealand": "Wellington",
    "norway": "Oslo",
    "peru": "Lima",
    "poland": "Warsaw",
    "portugal": "Lisbon",
    "russia": "Moscow",
    "scotland": "Edinburgh",
    "south korea": "Seoul",
    "spain": "Madrid",
    "sweden": "Stockholm",
    "switzerland": "Bern",
    "turkey": "Ankara",
    "ukraine": "Kyiv",
    "the uk": "London",
    "the united kingdom": "London",
    "the united states": "Washington",
    "the usa": "Washington",
}
"""By country, in lower case and with its article."""
