"""Thoughts that a model writes into its reply, `<think>…</think>`, which nobody should hear."""

import re

NAMES = ("think", "thinking", "thought", "reasoning")
TAG = re.compile(rf"<(/?)(?:{'|'.join(NAMES)})>", re.IGNORECASE)
TAGS = [f"<{slash}{name}>" for name in NAMES for slash in ("", "/")]
LONGEST = max(map(len, TAGS))


THINKERS = re.compile(r"deepseek-r1|\bqwq\b|magistral|thinking|reasoning", re.IGNORECASE)
"""Names of models whose prompt may end in the opening tag."""

MUSING = ("okay", "ok", "alright", "hm", "hmm", "well", "so", "now")
ABOUT_THE_USER = re.compile(
    rf"\W*(?:(?:{'|'.join(MUSING)})\W+)*(?:the|this)\W+user\b", re.IGNORECASE
)
"""How thoughts begin, and how nobody speaks to the user."""
BEFORE_THAT = re.compile(
    rf"\W*(?:(?:{'|'.join(MUSING)})\W+)*(?P<the>(?:the|this)\W+)?(?P<word>\w*)", re.IGNORECASE
)


def opens_in_thought(model: str, *, official: bool) -> bool | None:
    """Whether a model's replies begin with a thought that nothing opens; None for nobody knows.

    `official`: at OpenAI's own endpoint, where no thought is ever in the text.
    """
    if THINKERS.search(model):
        return True
    return False if official else None


class ThoughtFilter:
    """Takes the text of one reply as it comes and gives what is to be spoken of it.

    Text is held back only while it may be the beginning of a tag. `opened`: the reply begins in a
    thought, as with models whose prompt ends in the opening tag; if no thought is ever closed,
    there was none, and `finish` gives all of it. None: it does if it speaks of the user as of
    somebody else, for which its first words ("Okay, the") are held back as long as they may.
    """

    def __init__(self, *, opened: bool | None = False) -> None:
        self.opens_in_thought = opened
        """Whether the next reply will begin in one, by what became of this one."""
        self._assumed: list[str] | None = [] if opened else None
        self._inside = bool(opened)
        self._held = ""
        self._spoken = False

    def feed(self, text: str) -> str:
        """More of the reply; what is to be spoken now."""
        if not self._inside and not self._held and self._spoken and "<" not in text:
            return text  # nearly always
        text = self._held + text
        self._held = ""
        if self.opens_in_thought is None and not self._spoken and not self._inside:
            if _may_speak_of_the_user(text):
                self._held = text
                return ""
            if ABOUT_THE_USER.match(text):
                self._assumed, self._inside = [], True
        return self._speakable(self._without_tags(text))

    def apart(self) -> None:
        """The model gives its thoughts apart from its text, which then begins in none."""
        self.opens_in_thought = False
        if self._assumed is not None:
            self._assumed, self._inside = None, False

    def finish(self) -> str:
        """The reply is over; what is to be spoken besides."""
        rest = self._take(self._held)
        if self._assumed is not None:
            rest = "".join(self._assumed) + rest
        if self._assumed is not None or self.opens_in_thought is None:
            self.opens_in_thought = False
        self._held = ""
        return self._speakable(rest)

    def _without_tags(self, text: str) -> str:
        spoken = ""
        while (tag := TAG.search(text)) is not None:
            spoken += self._take(text[: tag.start()])
            text = text[tag.end() :]
            if tag[1]:
                if not self._inside or self._assumed is not None:
                    self.opens_in_thought = True
                self._assumed = None
            self._inside = not tag[1]
        kept = len(text) - _held_back(text)
        self._held = text[kept:]
        return spoken + self._take(text[:kept])

    def _take(self, text: str) -> str:
        if self._assumed is not None:
            self._assumed.append(text)
        return "" if self._inside else text

    def _speakable(self, text: str) -> str:
        """Without the blank lines that follow a thought."""
        text = text if self._spoken else text.lstrip()
        self._spoken = self._spoken or bool(text)
        return text


def _may_speak_of_the_user(text: str) -> bool:
    """Whether a reply that begins so may come to do so with its next words."""
    begun = BEFORE_THAT.fullmatch(text)
    if begun is None or "<" in text:
        return False
    next_ones = ("user",) if begun["the"] else (*MUSING, "the", "this")
    return any(word.startswith(begun["word"].lower()) for word in next_ones)


def _held_back(text: str) -> int:
    """How many of the last characters may be the beginning of a tag."""
    start = text.rfind("<", max(0, len(text) - LONGEST))
    beginning = text[start:].lower() if start >= 0 else ""
    return len(beginning) if beginning and any(tag.startswith(beginning) for tag in TAGS) else 0
