"""Filter for reasoning that a model writes into its reply, `<think>…</think>`: nobody hears it."""

import re

from llm_adapters.control_tokens import ControlTokens

NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad")
_NAMES = "|".join(NAMES)
TAG = re.compile(
    rf"[<◁⟨【](?P<closes>/?)(?:\w{{1,12}}:)?(?:{_NAMES})(?:\s+\w+\s*=[^<>]{{0,60}})?[>▷⟩】]"
    r"|(?-i:\[(?P<shuts>/?)THINK\])",
    re.IGNORECASE,
)
"""Tags in the brackets that models have for them: `<seed:think>`, `◁think▷`, `[THINK]`."""
_BEGINNING = re.compile(
    r"[<◁⟨【]/?(?:\w{1,12}:)?(?P<name>\w{0,12})(?P<attribute>\s+\w*\s*(?:=[^<>]{0,60})?)?"
    r"|(?-i:\[/?(?:T|TH|THI|THIN|THINK)?)",
    re.IGNORECASE,
)
OPENING = "<◁⟨【["
LONGEST_TAG = 120

REASONING_MODELS = re.compile(r"deepseek-r1|\bqwq\b|magistral|thinking|reasoning", re.IGNORECASE)
"""Names of models whose prompt may end in the opening tag."""

INTERJECTIONS = ("okay", "ok", "alright", "hm", "hmm", "well", "so", "now")
_INTERJECTIONS = rf"\W*(?:(?:{'|'.join(INTERJECTIONS)})\W+)*"
ABOUT_THE_USER = re.compile(rf"{_INTERJECTIONS}(?:the|this)\W+user\b", re.IGNORECASE)
"""How reasoning begins, and how nobody speaks to the user."""
BEFORE_THE_USER = re.compile(
    rf"{_INTERJECTIONS}(?P<the>(?:the|this)\W+)?(?P<word>\w*)", re.IGNORECASE
)


def starts_in_reasoning(model: str, *, official: bool) -> bool | None:
    """Whether a model's replies begin with reasoning that no tag opens; None for nobody knows.

    `official`: at OpenAI's own endpoint, where no reasoning is ever in the text.
    """
    if REASONING_MODELS.search(model):
        return True
    return False if official else None


class ReasoningFilter:
    """Streaming filter of one reply: text goes in as it comes, and what is to be spoken comes out.

    Text is held back only while it may be the beginning of a tag. `starts_in_reasoning`: the reply
    begins inside, as with models whose prompt ends in the opening tag; if no reasoning is ever
    closed, there was none, and `finish` gives all of it. None: it does if it speaks of the user as
    of somebody else, for which its first words ("Okay, the") are held back as long as they may.
    """

    def __init__(self, *, starts_in_reasoning: bool | None = False) -> None:
        self.starts_in_reasoning = starts_in_reasoning
        """Whether the next reply will begin inside, by what became of this one."""
        # The text that was taken for reasoning though no tag had opened it.
        self._assumed: list[str] | None = [] if starts_in_reasoning else None
        self._inside = bool(starts_in_reasoning)
        self._tokens = ControlTokens()
        self._held = ""
        self._spoken = False

    @property
    def over(self) -> bool:
        """Whether the model has ended its reply, whatever else follows."""
        return self._tokens.over

    def feed(self, text: str) -> str:
        """Take more of the reply; what is to be spoken now."""
        text = self._held + self._tokens.feed(text)
        self._held = ""
        if self.starts_in_reasoning is None and not self._spoken and not self._inside:
            if _may_speak_of_the_user(text):
                self._held = text
                return ""
            if ABOUT_THE_USER.match(text):
                self._assumed, self._inside = [], True
        return self._without_blank_lines(self._without_tags(text))

    def reasoning_is_separate(self) -> None:
        """Note that the model gives its reasoning apart from its text."""
        self.starts_in_reasoning = False
        if self._assumed is not None:
            self._assumed, self._inside = None, False

    def finish(self) -> str:
        """End the reply; what is to be spoken besides."""
        rest = self._without_tags(self._held + self._tokens.finish()) + self._visible(self._held)
        if self._assumed is not None:
            rest = "".join(self._assumed) + rest
        if self._assumed is not None or self.starts_in_reasoning is None:
            self.starts_in_reasoning = False
        self._held = ""
        return self._without_blank_lines(rest)

    def _without_tags(self, text: str) -> str:
        spoken = ""
        while (tag := TAG.search(text)) is not None:
            spoken += self._visible(text[: tag.start()])
            text = text[tag.end() :]
            closes = tag["closes"] or tag["shuts"]
            if closes:
                if not self._inside or self._assumed is not None:
                    self.starts_in_reasoning = True
                self._assumed = None
            self._inside = not closes
        kept = len(text) - _beginning_of_tag(text)
        self._held = text[kept:]
        return spoken + self._visible(text[:kept])

    def _visible(self, text: str) -> str:
        if self._assumed is not None:
            self._assumed.append(text)
        return "" if self._inside else text

    def _without_blank_lines(self, text: str) -> str:
        """Drop the blank lines that follow reasoning."""
        text = text if self._spoken else text.lstrip()
        self._spoken = self._spoken or bool(text)
        return text


def _may_speak_of_the_user(text: str) -> bool:
    """Whether a reply that begins so may come to do so with its next words."""
    begun = BEFORE_THE_USER.fullmatch(text)
    if begun is None or "<" in text:
        return False
    next_ones = ("user",) if begun["the"] else (*INTERJECTIONS, "the", "this")
    return any(word.startswith(begun["word"].lower()) for word in next_ones)


def _beginning_of_tag(text: str) -> int:
    """How many of the last characters may be the beginning of a tag."""
    start = max(text.rfind(char, max(0, len(text) - LONGEST_TAG)) for char in OPENING)
    begun = _BEGINNING.fullmatch(text, start) if start >= 0 else None
    if begun is None or (begun["attribute"] and begun["name"].lower() not in NAMES):
        return 0
    return len(text) - start
