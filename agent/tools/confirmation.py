"""Asking before a tool with consequences runs: what counts as a yes, pure logic."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_adapters import Message, ToolCall

# fmt: off
YES = {
    *("yes", "yeah", "yea", "yep", "yup", "aye", "sure", "ok", "okay", "alright", "right"),
    *("correct", "confirm", "confirmed", "definitely", "absolutely", "certainly", "exactly"),
    *("agreed", "affirmative", "indeed"),
    *("ja", "jawohl", "jep", "klar", "genau", "richtig", "sicher", "natürlich", "einverstanden"),
    *("unbedingt", "oui", "ouais", "absolument", "volontiers", "si", "sí", "vale", "claro"),
    *("correcto", "adelante", "sì", "certo", "sim", "graag", "tak", "jasne", "да", "конечно"),
    *("evet", "tamam", "はい", "お願いします", "是", "是的", "好", "好的", "可以", "네", "예"),
}
"""A yes has one of these, or one of the phrases below."""
PHRASES = re.compile(
    r"\b(?:go ahead|go for it|do it|do that|do so|of course|please do|by all means|you may|"
    r"why not|sounds good|uh huh|mm hmm|mhm|d accord|bien sûr|vas y|allez y|por supuesto|"
    r"de acuerdo|hazlo|va bene|pode ser|mach das|tu das|gerne?|in ordnung|auf jeden fall)\b"
)
FILLERS = {
    *("please", "thanks", "thank", "you", "i", "m", "am", "do", "that", "s", "it", "is", "now"),
    *("just", "go", "ahead", "for", "of", "course", "then", "well", "oh", "um", "uh", "so", "the"),
    *("a", "an", "want", "to", "would", "like", "may", "can", "by", "all", "means", "why", "this"),
    *("sounds", "good", "very", "much", "huh", "mm", "hmm", "mhm", "let", "on"),
    *("bitte", "danke", "das", "mach", "tu", "gern", "gerne", "na", "doch", "in", "ordnung", "auf"),
    *("jeden", "fall", "schön", "il", "vous", "plaît", "merci", "bien", "sûr", "vas", "allez", "y"),
    *("por", "favor", "supuesto", "gracias", "de", "acuerdo", "hazlo", "d", "accord", "va", "bene"),
    *("grazie", "per", "favore", "pode", "ser", "obrigado", "obrigada", "proszę", "пожалуйста"),
}
"""What a yes may have besides, as it may have the question's own words."""
NO = {"no", "not", "nope", "don", "never", "nein", "nicht", "non", "pas", "nie", "нет", "не"}
"""Never part of a yes, not even where it is part of the question."""
DECLINED = re.compile(r"\b(?:i m|i am|that s|that is|it s|it is) (?:ok|okay|alright)\b")
"""No need, most likely: for the model to understand."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Question:
    """A call that waits for the user's yes, and what they were asked."""

    call: ToolCall
    text: str
    turn: int

    def answered_yes(self, messages: Sequence[Message]) -> bool:
        """Whether the conversation ends with the user hearing this question and saying yes to it.

        Anything that is more than a plain yes is left to the model: "yes, but not that one" is no
        yes. A question of which less than half was heard has not been asked.
        """
        if len(messages) < 2 or messages[-1].role != "user" or messages[-2].role != "assistant":
            return False
        asked = words(self.text)
        heard = " ".join(words(messages[-2].content))
        if " ".join(asked[: (len(asked) + 1) // 2]) not in heard:
            return False
        said = words(messages[-1].content)
        # "the right one" is no yes to "the left or the right one?"
        yes = bool(YES.difference(asked).intersection(said)) or YES.issuperset(said)
        yes = yes or PHRASES.search(" ".join(said)) is not None
        no = bool(NO.intersection(said)) or DECLINED.search(" ".join(said)) is not None
        plain = all(word in YES or word in FILLERS or word in asked for word in said)
        return bool(said) and yes and plain and not no


def words(text: str) -> list[str]:
    """The words of `text`, in lower case and without punctuation."""
    return re.findall(r"\w+", text.lower())
