"""Runs cases: a scripted user talks with the agent, and what comes of it is looked at."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from anyio.from_thread import BlockingPortal
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.engines import EngineSection, create_tts
from agent.config.load import Config
from agent.conversation.conversation import Conversation
from agent.engines import GuardedTextToSpeech
from agent.errors import ParleyError
from agent.testing.cases import Case, Cases, Turn
from agent.testing.check import problems
from agent.testing.inline import InlinePool, InlineVad
from agent.testing.judge import Judge, Verdict
from agent.testing.record import Record, Step
from agent.testing.user import Microphone, Pronounced, Script, pronounced
from agent.turns.vad import SileroVad
from llm_adapters import LanguageModelError

Float32 = NDArray[np.float32]

QUIET = 0.5
"""Seconds of silence after which a turn of the user's has been answered."""
LONGEST = 300.0
"""Seconds that this may take, besides what the user waits."""
EMBEDDED = {"stt": {"pocketsphinx"}, "llm": {"eliza"}, "tts": {"espeak"}}
"""Engines that are always there, and give the same again: they run in virtual time."""


@dataclass(slots=True)
class Result:
    """What came of a case, once."""

    case: Case
    number: int
    """Which of its runs it is, from 1."""
    steps: Sequence[Step]
    seconds: float
    problems: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    user: Float32 | None = None
    """What the microphone heard, at 16 kHz."""
    agent: Float32 | None = None
    rate: int = 0
    """Of what the speaker played."""
    record: Record | None = None

    @property
    def name(self) -> str:
        """The case's, with the run if there are several."""
        runs = self.case.repeat or 1
        return f"{self.case.name} [{self.number}/{runs}]" if runs > 1 else self.case.name


def fits_virtual_time(config: Config, cases: Sequence[Case]) -> bool:
    """Whether all that the cases need is embedded, and no tool is another program's."""
    spoken = any(case.user == "speech" for case in cases)
    heard = any(case.user == "speech" and case.ears != "script" for case in cases)
    members = [config, *map(config.of, config.agents)]
    sections = [("llm", member.llm) for member in members]
    if spoken:
        sections += [("tts", member.tts) for member in members]
    if heard:
        sections.append(("stt", config.stt))
    engines = [(kind, each.engine_name) for kind, s in sections for each in s.engines]
    own = all(tool.mcp is None for member in members for tool in member.tools)
    own = own and not (spoken and config.turn.detector == "smart_turn")
    return own and all(name in EMBEDDED[kind] for kind, name in engines)


class Runner:
    """Runner of cases, one after the other: agents are loaded once for all in the same manner."""

    def __init__(
        self, config: Config, cases: Cases, portal: BlockingPortal, *, virtual: bool
    ) -> None:
        """`portal`: a real loop, on which whatever takes time works while this one waits."""
        # Nothing is kept, nothing goes through the air, and nobody has to call it first.
        changes: dict[str, dict[str, Any]] = {"session": {"save": None}, "wake": {"words": []}}
        self._config = config.changed(changes).model_copy(update={"echo": "off"})
        self._cases = cases
        self._portal = portal
        self._virtual = virtual
        self._agents: dict[tuple[bool, bool], Agent] = {}  # by whether they speak, and read along
        self._script = Script()
        self._voices: list[tuple[EngineSection, GuardedTextToSpeech]] = []
        self._judge: Judge | None = None

    async def run(self, chosen: Sequence[Case]) -> AsyncGenerator[Result, None]:
        """What comes of each case. Raises the engines' errors where one cannot be loaded."""
        async with AsyncExitStack() as stack:
            if any(turn.expect.judge for case in chosen for turn in case.turns):
                self._judge = Judge(self._cases.judge or self._config.llm)
                stack.callback(self._portal.call, self._judge.aclose)
                self._portal.call(self._judge.load)
            stack.callback(self._close_voices)
            for case in chosen:
                sounds = [self._pronounced(case, turn) for turn in case.turns]
                agent = await self._agent(stack, case)
                for number in range(1, (case.repeat or 1) + 1):
                    yield await self._once(agent, case, sounds, number)

    async def _agent(self, stack: AsyncExitStack, case: Case) -> Agent:
        kind = spoken, reads = case.user == "speech", case.ears == "script"
        if kind not in self._agents:
            stt = self._script if reads else None
            if spoken and self._virtual:
                pool = InlinePool(self._portal)
                stack.push_async_callback(pool.aclose)
                vad = InlineVad(self._portal, SileroVad())
                agent = Agent(self._config, stt=stt, vad=vad, pool=pool)
            elif spoken:
                agent = Agent(self._config, stt=stt)
            else:
                agent = Agent(self._config, listens=False, speaks=False)
            stack.push_async_callback(agent.aclose)
            await agent.load()
            self._agents[kind] = agent
        return self._agents[kind]

    def _pronounced(self, case: Case, turn: Turn) -> Pronounced:
        if case.user != "speech" or turn.say is None or case.voice is None:
            return Pronounced(np.zeros(0, np.float32), ())
        voice = next((tts for section, tts in self._voices if section == case.voice), None)
        if voice is None:
            voice = GuardedTextToSpeech(create_tts(case.voice))
            self._portal.call(voice.load)
            self._voices.append((case.voice, voice))
        return self._portal.call(pronounced, voice, turn.say)

    def _close_voices(self) -> None:
        for _, voice in self._voices:
            self._portal.call(voice.aclose)

    async def _once(
        self, agent: Agent, case: Case, sounds: Sequence[Pronounced], number: int
    ) -> Result:
        began = anyio.current_time()
        played: list[Float32] = []

        async def play(pcm: Float32, _when: float) -> None:
            played.append(pcm.copy())

        spoken = case.user == "speech"
        microphone = Microphone(case.noise) if spoken else None
        if microphone is not None:
            self._script.begin(microphone)
        speaker = PacedSpeaker(agent.tts.sample_rate, play) if spoken else None
        record = Record(self._config.start if self._config.agents else None, spoken=spoken)
        first = case.turns[0]
        record.begin(first if first.wait is not None else Turn(wait=0))
        async with agent.start(
            microphone,
            speaker,
            record.event,
            hearing=record.hearing,
            watch=record.activity,
            remembered=False,
        ) as conversation:
            await _Script(case, sounds, record, microphone, conversation).play()
        result = Result(case, number, record.steps, anyio.current_time() - began, record=record)
        if microphone is not None:
            result.user = np.concatenate([*microphone.sound, np.zeros(0, np.float32)])
            result.agent = np.concatenate([*played, np.zeros(0, np.float32)])
            result.rate = agent.tts.sample_rate
        self._look_at(result)
        return result

    def _look_at(self, result: Result) -> None:
        """Note whether all is as expected; a judge is asked last."""
        opening = result.case.turns[0].wait is None  # a step before the first turn
        for index, step in enumerate(result.steps):
            number, said = index + 1 - opening, step.turn.text
            where = f"turn {number}" if number else "before the first turn"
            where += f" ('{said[:60]}')" if said else ""
            result.problems += [f"{where}: {each}" for each in problems(step)]
            for criterion in step.turn.expect.judge:
                assert self._judge is not None
                try:
                    seen = result.steps[: index + 1]
                    verdict = self._portal.call(self._judge.judge, seen, criterion)
                except (LanguageModelError, ParleyError) as error:
                    result.problems.append(f"{where}: judge: {error}")
                    continue
                result.verdicts.append(verdict)
                if not verdict.passed:
                    result.problems.append(f"{where}: {verdict}")


class _Script:
    """What the user does, turn by turn."""

    def __init__(
        self,
        case: Case,
        sounds: Sequence[Pronounced],
        record: Record,
        microphone: Microphone | None,
        conversation: Conversation,
    ) -> None:
        self._turns = list(zip(case.turns, sounds, strict=True))
        self._record = record
        self._microphone = microphone
        self._conversation = conversation

    async def play(self) -> None:
        """Do it all; what takes too long ends there."""
        async with anyio.create_task_group() as tasks:
            await self._within(LONGEST, lambda: self._record.settled(QUIET))
            for index, (turn, sound) in enumerate(self._turns):
                following = self._turns[index + 1][0] if index + 1 < len(self._turns) else None
                answered = following is None or following.interrupt is None

                async def take(
                    turn: Turn = turn, sound: Pronounced = sound, answered: bool = answered
                ) -> None:
                    await self._take(turn, sound, tasks.start_soon)
                    if answered:
                        await self._record.settled(QUIET)

                if not await self._within(LONGEST + (turn.wait or 0), take):
                    break
            tasks.cancel_scope.cancel()

    async def _within(self, seconds: float, work: Callable[[], Awaitable[None]]) -> bool:
        with anyio.move_on_after(seconds) as limit:
            await work()
        if limit.cancelled_caught:
            self._record.step.problems.append(f"there was no end of it within {seconds:g} s")
        return not limit.cancelled_caught

    async def _take(self, turn: Turn, sound: Pronounced, start: Callable[..., object]) -> None:
        if turn.interrupt is not None:
            reached = await self._record.reached(turn.interrupt)
            self._record.begin(turn)
            if not reached:
                place = f"'{turn.interrupt}'" if isinstance(turn.interrupt, str) else "then"
                message = f"there was nothing to interrupt: the answer was over before {place}"
                self._record.step.problems.append(message)
        elif self._record.step.turn is not turn:
            self._record.begin(turn)
        if turn.wait is not None:
            await anyio.sleep(turn.wait)
        if turn.say is not None:
            self._record.speaks()
            if self._microphone is not None:
                await self._microphone.say(sound)
            else:
                start(self._conversation.ask, turn.text)
