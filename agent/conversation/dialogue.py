"""A dialogue: two agents talk with each other, and the user may cut in."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio

from agent.config.load import Config
from agent.conversation.conversation import Conversation
from agent.conversation.request import ReplyOptions
from agent.engines.script_voice import ScriptVoice
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    ErrorEvent,
    Event,
    TurnCommitted,
    UserBackchannel,
    UserSpeechStarted,
    UserTranscript,
)
from llm_adapters import Message
from tts import ScriptedSpeech, TextToSpeech

BEGIN = "Let us talk about {topic}."
NOTE = (
    "You are {name}, and talk with {other} about {topic}; somebody listens, and may cut in. Say "
    "one or two sentences in answer to what was said last, and leave the rest to {other}."
)


class Dialogue:
    """A dialogue is told of all events, and has one agent after the other answer."""

    def __init__(
        self, conversation: Conversation, engine: Callable[[Config], TextToSpeech]
    ) -> None:
        """`engine` gives the loaded voice of an agent's configuration."""
        config = conversation.config
        self._settings = config.dialogue
        self._conversation = conversation
        self._names = config.dialogue.speakers(config.agents)
        self._voices = speakers_of([config.of(name) for name in self._names], engine)
        self._open: set[int] = set()  # turns of the user's that are not over
        self._answering = False
        self._calm = anyio.Event()

    def __call__(self, event: Event) -> None:
        """Follow the conversation: while the user speaks, or is answered, it waits."""
        match event:
            case UserSpeechStarted(turn=turn):
                self._open.add(turn)
            case TurnCommitted(turn=turn):
                self._open.discard(turn)
                self._answering = True
            case UserTranscript(turn=turn, final=True) | UserBackchannel(turn=turn):
                self._open.discard(turn)
            case ErrorEvent(stage="stt"):
                self._open.clear()
            case AssistantDone() | AssistantInterrupted():
                self._answering = False
        if not self._open and not self._answering:
            self._calm.set()
            self._calm = anyio.Event()

    async def run(self) -> None:
        """Have them speak in turn, as often as is configured."""
        spoken = self._last_speaker()
        first = 0 if spoken is None else 1 - spoken
        for number in range(first, first + self._settings.turns):
            while self._open or self._answering:
                await self._calm.wait()
            if not {*self._names} <= {*self._conversation.config.agents}:
                return  # the configuration that was read meanwhile has others
            await self._speak(number % 2)

    def _last_speaker(self) -> int | None:
        """Which of the two spoke last in the conversation that this one goes on with."""
        for message in reversed(self._conversation.history.messages):
            if message.agent in self._names:
                return self._names.index(message.agent)
        return None

    async def _speak(self, speaker: int) -> None:
        talk, name = self._conversation, self._names[speaker]
        self._note()
        if talk.config.start != name:
            talk.take_over(name)
        config, other = talk.config, self._names[1 - speaker]
        topic = self._settings.topic
        called = talk.config.agents[other].name or other
        note = NOTE.format(name=config.agent.name, other=called, topic=topic)
        options = ReplyOptions(
            instructions=f"{config.agent.instructions}\n\n{note}",
            messages=self._told(name),
            own_tools=False,
            voice=self._voices[speaker],
        )
        await talk.reply(options)
        self._note()

    def _note(self) -> None:
        """Whoever has been speaking has said what is new."""
        name = self._conversation.config.start or ""
        for entry in self._conversation.history.entries:
            message = entry.message
            if message is not None and message.role == "assistant" and not message.agent:
                entry.message = replace(message, agent=name)

    def _told(self, name: str) -> Sequence[Message]:
        """The conversation as one of them has heard it: what the other said is not theirs."""
        told = [Message("user", BEGIN.format(topic=self._settings.topic))]
        for entry in self._conversation.history.entries:
            message = entry.message
            if message is None or message.calls or message.role not in ("user", "assistant"):
                continue
            if message.role == "assistant" and message.agent != name:
                message = Message("user", message.content)
            elif message.role == "user":
                message = Message("user", f"(the listener:) {message.content}")
            if told[-1].role == message.role:
                message = replace(message, content=f"{told[-1].content}\n{message.content}")
                told.pop()
            told.append(message)
        return told


def speakers_of(
    configs: Sequence[Config], engine: Callable[[Config], TextToSpeech]
) -> Sequence[TextToSpeech | None]:
    """The two speakers of one engine of dialogues; None twice where each has a voice of its own."""
    plain = [each.tts.model_copy(update={"voice": None}) for each in configs]
    engines = [engine(each) for each in configs]
    scripted = next((each for each in engines if isinstance(each, ScriptedSpeech)), None)
    if plain[0] != plain[1] or scripted is None:
        return [None, None]
    voices = [getattr(each.tts, "voice", None) for each in configs]
    given = [str(voice) for voice in voices] if all(voices) and voices[0] != voices[1] else []
    return [ScriptVoice(scripted, speaker, given) for speaker in (0, 1)]
