"""A language model as judge: whether something is so of what was said, and why."""

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from agent.config.engines import EngineSection, create_llm
from agent.engines import GuardedLanguageModel
from agent.errors import ParleyError
from agent.testing.record import Step
from llm_adapters import Message, TextDelta

TASK = (
    "You judge a conversation between a user and a voice agent by one criterion. Write one line: "
    "the word PASS if the criterion is met by the agent's last words, or the word FAIL if it is "
    "not, then a colon and the reason in one short sentence. Judge nothing but the criterion."
)
LONGEST = 4000
"""Characters of a verdict that are read."""
TRIES = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of a criterion."""

    criterion: str
    passed: bool
    reason: str

    def __str__(self) -> str:
        return f"judge: {'PASS' if self.passed else 'FAIL'}: {self.criterion}: {self.reason}"


class Judge:
    """A judge answers one criterion at a time, with the conversation before its eyes."""

    def __init__(self, section: EngineSection) -> None:
        self._llm = GuardedLanguageModel(create_llm(section))

    async def load(self) -> None:
        """Load the model. Raises LanguageModelError."""
        await self._llm.load()

    async def aclose(self) -> None:
        """Close it."""
        await self._llm.aclose()

    async def judge(self, steps: Sequence[Step], criterion: str) -> Verdict:
        """Judge the last of `steps`. Raises LanguageModelError, ParleyError for no verdict."""
        request = f"{conversation(steps)}\n\nCriterion: {criterion}\n\nPASS or FAIL, and why?"
        messages = [Message("system", TASK), Message("user", request)]
        answer = ""
        for _ in range(TRIES):
            answer = ""
            async with aclosing(self._llm.reply(messages)) as items:
                async for item in items:
                    answer += item.text if isinstance(item, TextDelta) else ""
                    if len(answer) > LONGEST:
                        break
            if (verdict := read_verdict(answer, criterion)) is not None:
                return verdict
        raise ParleyError(f"the judge said neither PASS nor FAIL, but: {answer.strip()[:200]!r}")


def read_verdict(answer: str, criterion: str) -> Verdict | None:
    """Read a verdict at the beginning of an answer; None where there is none, or are both."""
    found = re.match(r"\W*(PASS|FAIL)(?:ED)?\b[\s:.,*–—-]*(.*)", answer.strip(), re.I | re.S)
    if found is None:
        return None
    words = {word.upper() for word in re.findall(r"\b(?:PASS|FAIL)\b", answer)}
    if len(words) > 1:  # "PASS or FAIL: …" is none
        return None
    reason = " ".join(found[2].split()) or "it gives no reason"
    return Verdict(criterion, found[1].upper() == "PASS", reason)


def conversation(steps: Sequence[Step]) -> str:
    """What was said and done, a line each."""
    lines = []
    for step in steps:
        said = step.turn.text
        lines += [f"User: {said}"] if said else []
        lines += [f"(the agent calls {call.name} {call.arguments})" for call in step.calls]
        lines += [f"Agent: {reply}" for reply in step.replies if reply]
    return "\n".join(lines)
