"""Stage directions: `(laughs)`, `*sighs deeply*`, `[pause]`. Some engines make sounds of them.

The others, and all of them where nobody can hear it (`*smiles*`), make a pause.
"""

import re
from collections.abc import Collection

from tts.clean.source import Source
from tts.clean.writer import CELL, GAP

SOUNDS = (
    *("laughs", "chuckles", "sighs", "gasps", "coughs", "clears throat", "sniffs", "sneezes"),
    *("groans", "yawns", "inhales", "exhales", "hums", "whistles", "mumbles", "screams"),
    *("claps", "applause", "singing", "burps"),
)
"""As they stand between parentheses."""

_FORMS = {
    "laughs": "laugh laughing laughter giggle giggles giggling",
    "chuckles": "chuckle chuckling snicker snickers",
    "sighs": "sigh sighing sighed",
    "gasps": "gasp gasping",
    "coughs": "cough coughing",
    "clears throat": "clear clears clearing",
    "sniffs": "sniff sniffing sniffle sniffles",
    "sneezes": "sneeze sneezing",
    "groans": "groan groaning",
    "yawns": "yawn yawning",
    "inhales": "inhale inhaling",
    "exhales": "exhale exhaling",
    "hums": "hum humming",
    "whistles": "whistle whistling",
    "mumbles": "mumble mumbling",
    "screams": "scream screaming",
    "claps": "clap clapping",
    "singing": "sings",
    "burps": "burp burping",
    "beep": "beeps beeping",
}
_MADE = {form: sound for sound, forms in _FORMS.items() for form in (sound, *forms.split())} | {
    "applause": "applause"
}
_UNHEARD = frozenset(
    re.findall(
        r"\S+",
        "smile smiles smiling grin grins grinning wink winks winking nod nods nodding shrug shrugs "
        "blush blushes frown frowns whisper whispers whispering snort snorts sob sobs sobbing gulp "
        "gulps smirk smirks beams pause pauses pausing beat",
    )
)
_PAUSES = re.compile(r"(?:(?:short |long |brief )?pauses?|pausing|beat)\b")
_MOODS = frozenset(
    re.findall(
        r"\S+",
        "excited excitedly happily sadly sarcastic sarcastically curious angry angrily nervous "
        "nervously cheerfully playfully thoughtful warmly softly quietly short long brief",
    )
)
"""What some engines take in square brackets."""
_VERBS = (*_MADE, *_UNHEARD)
_MANNER = (
    r"(?:,? (?:[a-z]+ly|again|hard|out loud|a (?:little|bit)|to [a-z]+sel(?:f|ves)"
    r"|(?:in|with|and) [a-z]+))*"
)
_THROAT = r"clear(?:s|ing)?(?: (?:his|her|my|its|their))? throat"
_DIRECTION = re.compile(
    rf"(?P<verb>{_THROAT}|{'|'.join(sorted(_VERBS, key=len, reverse=True))}){_MANNER}"
)
_TAG = re.compile(rf"{_DIRECTION.pattern}|{'|'.join(_MOODS)}|(?:short|long|brief) pause")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST = 48
_CLOSING = {"(": ")", "[": "]"}


def as_sound(text: str, sounds: Collection[str], *, tag: bool = False) -> str | None:
    """What an engine that makes `sounds` is given for a stage direction; None if it is none.

    It is the engine's own form: of one that makes `chuckle`, `(chuckles)` is that. `tag`: it stands
    in brackets in which nothing but directions stands.
    """
    direction = (_TAG if tag else _DIRECTION).fullmatch(text.lower())
    if direction is None:
        return None
    if _PAUSES.match(direction[0]):
        return CELL
    verb = direction["verb"] or ""
    sound = "clears throat" if verb.startswith("clear") else _MADE.get(verb, "")
    forms = (verb, sound, *_FORMS.get(sound, "").split())
    made = next((form for form in forms if form in sounds), None)
    return GAP if made is None else f"({made})"


def read_sound(source: Source, sounds: Collection[str]) -> str | None:
    """Read a direction in parentheses or brackets; what cannot be one is not held back."""
    tag = source.peek() == "["
    words = (*_VERBS, *_MOODS) if tag else _VERBS
    length = 0
    while (char := source.peek(1 + length)) and char in _LETTERS:
        length += 1
        begun = source.look(1, 1 + length).lower()
        if not any(word.startswith(begun) for word in words):
            return None
    end = 1 + source.count(_LETTERS + " ,'", 1, limit=_LONGEST)
    if source.peek(end) != _CLOSING[source.peek()] or (tag and source.peek(end + 1) == "("):
        return None
    spoken = as_sound(source.look(1, end), sounds, tag=tag)
    if spoken is not None:
        source.take(end + 1)
    return spoken
