"""What is wanted of answers: what the session says, and over it what one response asks for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.conversation.request import ReplyOptions
from agent.server.realtime.client_events import ResponseParams
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.items import Items
from agent.server.realtime.responses import Shape
from agent.server.realtime.session_parts import FunctionTool, ToolChoice
from agent.server.realtime.settings import SessionSettings
from tts import TextToSpeech

ENDLESS = 1 << 30
"""Fragments that no reply has: `inf` asked of one response is more than the session's number."""

Voices = Callable[[str, float], TextToSpeech]
"""The voice of a name at a speed; the agent's own for a name that it does not know."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a session's responses are made, and how they are told."""

    settings: SessionSettings
    voices: Voices

    def over(self, params: ResponseParams) -> "Wishes":
        """Return these with what one response asks for. Raises RealtimeError."""
        settings = self.settings
        names = (
            "instructions",
            "output_modalities",
            "tools",
            "tool_choice",
            "max_output_tokens",
            "parallel_tool_calls",
            "reasoning",
        )
        changes = {name: v for name in names if (v := getattr(params, name)) is not None}
        if params.audio is not None and params.audio.output is not None:
            given = params.audio.output
            said = {name: getattr(given, name) for name in given.model_fields_set}
            output = settings.audio.output.model_copy(update=said)
            changes["audio"] = settings.audio.model_copy(update={"output": output})
        settings = settings.model_copy(update=changes)
        choice = params.tool_choice
        if isinstance(choice, ToolChoice) and not _named(settings, choice):
            message = f"Tool choice '{choice.name}' not found in 'tools' parameter."
            raise RealtimeError(message, param="response.tool_choice")
        return Wishes(settings, self.voices)

    @property
    def options(self) -> ReplyOptions:
        """How replies are made; their instructions are the conversation's."""
        settings = self.settings
        choice, tools = settings.tool_choice, settings.tools
        named = _named(settings, choice) if isinstance(choice, ToolChoice) else []
        if choice == "none":
            tools = []
        longest, output = settings.max_output_tokens, settings.audio.output
        voice = output.voice if isinstance(output.voice, str) else output.voice.id
        return ReplyOptions(
            tools=tuple(tool.spec() for tool in named or tools),
            own_tools=choice != "none" and not named,
            must_call=choice == "required" or bool(named),
            voice=self.voices(voice, output.speed),
            speaks=settings.speaks,
            longest=ENDLESS if longest == "inf" else longest,
            model=settings.model_options,
        )

    def options_of(self, params: ResponseParams, items: Items) -> ReplyOptions:
        """How the reply to a response.create is made. Raises RealtimeError."""
        wishes = self.over(params)
        messages = None if params.input is None else items.messages(params.input)
        instructions = params.instructions
        if messages is not None:
            instructions = wishes.settings.instructions
        return replace(wishes.options, instructions=instructions, messages=messages)

    def shape(self, conversation_id: str | None, params: ResponseParams, *, audio: bool) -> Shape:
        """How a response is told; `audio`: its sound goes out in events. Raises RealtimeError."""
        settings = self.over(params).settings
        output = settings.audio.output
        return Shape(
            conversation_id=conversation_id,
            speaks=settings.speaks,
            sends_audio=audio,
            format=output.format.type,
            voice=output.voice if isinstance(output.voice, str) else output.voice.id,
            metadata=params.metadata,
            max_output_tokens=settings.max_output_tokens,
        )


def _named(settings: SessionSettings, choice: ToolChoice) -> list[FunctionTool]:
    """The one tool that is to be called; none if the client has no such tool."""
    return [tool for tool in settings.tools if tool.name == choice.name]
