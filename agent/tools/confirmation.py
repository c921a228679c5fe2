"""Asking before a tool with consequences runs: what the user was asked, and what they answered.

Nothing is looked up in what was said: a question is known by the reply that put it. It is open once
that reply is over, and the next turn that is committed answers it, or it is gone. A yes counts if
the user had heard the whole question, as the last thing that the agent said, when they began.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.languages import AUTO, code_of
from agent.tools.answer import Answer, understand
from agent.tools.tool import Action, Tool
from llm_adapters import ToolCall

IN_TIME = 60.0
"""Seconds after which a yes may be one to something else."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call that waits for the user's yes, ready to run, and the words that they are asked."""

    call: ToolCall
    tool: Tool
    action: Action
    key: tuple[str, str]
    """The tool's name and the arguments: what makes a call the same."""
    text: str
    tell: Callable[[str], None]
    """Tells the model what became of the call."""
    again: bool = False
    """Whether it is put for the second time."""


class Confirmation:
    """A confirmation goes from a question that was put to the turn that answers it."""

    def __init__(self, language: str | None = None) -> None:
        """`language` is the code of the session's, None where it is not known."""
        self._language = None if language == AUTO else code_of(language) or language
        self.heard: str | None = None
        """The code of the language of the user's last turn, where the recogniser tells."""
        self._open: Question | None = None
        self._heard: float | None = None  # since when it has been heard whole, with nothing after
        self._ready: set[int] = set()  # turns that have begun since
        self._answered: tuple[int, Question, Answer] | None = None  # by the last turn

    @property
    def language(self) -> str | None:
        """The code of the language in which the user is asked, where it is known."""
        return self.heard or self._language

    def said(self, question: Question | None, *, whole: bool, now: float) -> None:
        """The agent has said something that ends with `question`; heard `whole`, or cut short."""
        if question is not None:
            self._open = question
        self._heard = now if question is not None and whole else None
        self._ready.clear()

    def begins(self, turn: int, *, over: bool, now: float) -> None:
        """The user begins `turn`; `over` what the agent says, which has not all been heard yet."""
        if not over and self._heard is not None and now - self._heard <= IN_TIME:
            self._ready.add(turn)

    def answer(self, turn: int, text: str) -> tuple[Question, Answer] | None:
        """What `turn` answers with these words; once it is committed, what it did answer."""
        if self._answered is not None and self._answered[0] == turn:
            return self._answered[1:]
        if self._open is None:
            return None
        known = self._language if self.heard in (None, self._language) else None
        answer = understand(text, self._open.text, known, self.heard)
        if answer is Answer.YES and turn not in self._ready:
            answer = Answer.UNSURE
        if answer is Answer.UNSURE and self._open.again:
            answer = Answer.NO
        return self._open, answer

    def committed(self, turn: int, text: str) -> None:
        """The user has said `text`: that is the answer, and there is no question any more."""
        given = self.answer(turn, text)
        self._answered = (turn, *given) if given is not None else None
        if given is not None and given[1] in (Answer.NO, Answer.OTHER):
            question = given[0]
            question.tell(f"not run: the user was asked '{question.text}' and did not say yes")
        self._open = self._heard = None
        self._ready.clear()

    def refused(self, turn: int, key: tuple[str, str]) -> bool:
        """Whether just this call is what the user has said no to in `turn`."""
        if self._answered is None or self._answered[0] != turn:
            return False
        return self._answered[1].key == key and self._answered[2] is Answer.NO
