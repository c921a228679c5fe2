"""The shape of the beta, for clients that still speak it: translated both ways."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import Headers

Event = dict[str, Any]

_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
}
_UNKNOWN = ("conversation.item.done",)
"""Events that the beta does not have."""


def asks_for_beta(headers: Headers) -> bool:
    """Whether a client says that it speaks the beta's shape."""
    offered = headers.get("sec-websocket-protocol", "")
    return "realtime=v1" in headers.get("openai-beta", "") or "openai-beta.realtime-v1" in offered


class BetaShape:
    """A translator of one session, from when its client is known to speak the beta."""

    def __init__(
        self, send: Callable[[Mapping[str, Any]], None], *, spoken: bool, session: Event
    ) -> None:
        """`spoken`: the client has said so; `session` is what it brings along, in any shape."""
        self._send = send
        self._spoken = spoken or is_flat(session)
        self.session = session_of_beta(session) if self._spoken else session
        """That in today's shape."""

    def event(self, event: Event) -> Event:
        """A client's event in today's shape; one that has a flat session speaks the beta."""
        kind, session = event.get("type"), event.get("session")
        if kind in ("session.update", "transcription_session.update") and isinstance(session, dict):
            self._spoken = self._spoken or kind != "session.update" or is_flat(session)
            if self._spoken:
                return {**event, "type": "session.update", "session": session_of_beta(session)}
        elif self._spoken and kind == "response.create" and isinstance(event.get("response"), dict):
            return {**event, "response": _response(event["response"])}
        return event

    def send(self, event: Mapping[str, Any]) -> None:
        """Send a server event in the client's shape."""
        if not self._spoken:
            self._send(event)
            return
        kind = event["type"]
        if kind in _UNKNOWN:
            return
        told = {**event, "type": _NAMES.get(kind, kind)}
        if "session" in told:
            if told["session"]["type"] == "transcription":
                told["type"] = f"transcription_{kind}"
            told["session"] = _beta_session(told["session"])
        if "item" in told:
            told["item"] = _beta_item(told["item"])
        if "response" in told:
            response = dict(told["response"])
            response["output"] = [_beta_item(item) for item in response.get("output", ())]
            response["modalities"] = _modalities(response)
            said = response.get("audio", {}).get("output", {})
            response["voice"] = said.get("voice")
            response["output_audio_format"] = _format_of(said)
            told["response"] = response
        self._send(told)


def session_of_beta(session: Mapping[str, Any]) -> Event:
    """A flat session in today's shape; what is today's already stays."""
    kept = {
        key: session[key]
        for key in (
            "type",
            "instructions",
            "tools",
            "tool_choice",
            "model",
            "audio",
            "tracing",
            "include",
            "output_modalities",
            "max_output_tokens",
        )
        if key in session
    }
    if isinstance(session.get("modalities"), list):
        kept["output_modalities"] = ["audio"] if "audio" in session["modalities"] else ["text"]
    if "max_response_output_tokens" in session:
        kept["max_output_tokens"] = session["max_response_output_tokens"]
    given: dict[str, Event] = {"input": {}, "output": {}}
    for way in ("input", "output"):
        name = session.get(f"{way}_audio_format")
        if name is not None:
            given[way]["format"] = _format(name)
    for ours, theirs in (
        ("transcription", "input_audio_transcription"),
        ("noise_reduction", "input_audio_noise_reduction"),
        ("turn_detection", "turn_detection"),
    ):
        if theirs in session:
            given["input"][ours] = session[theirs]
    for name in ("voice", "speed"):
        if name in session:
            given["output"][name] = session[name]
    audio = {way: values for way, values in given.items() if values}
    if audio:
        before = kept.get("audio")
        kept["audio"] = {**(before if isinstance(before, Mapping) else {}), **audio}
    return kept


def is_flat(session: Mapping[str, Any]) -> bool:
    """Whether a session is in the beta's shape: it has fields that are elsewhere today."""
    return session.keys().isdisjoint(
        {"type", "audio", "output_modalities"}
    ) and not session.keys().isdisjoint(
        {"modalities", "input_audio_format", "output_audio_format", "input_audio_transcription"}
        | {"voice", "turn_detection", "max_response_output_tokens", "input_audio_noise_reduction"}
    )


def _response(params: Mapping[str, Any]) -> Event:
    told = dict(params)
    if isinstance(told.get("modalities"), list):
        told["output_modalities"] = ["audio"] if "audio" in told.pop("modalities") else ["text"]
    if "max_response_output_tokens" in told:
        told["max_output_tokens"] = told.pop("max_response_output_tokens")
    said: Event = {}
    if (name := told.pop("output_audio_format", None)) is not None:
        said["format"] = _format(name)
    if (voice := told.pop("voice", None)) is not None:
        said["voice"] = voice
    return {**told, "audio": {"output": said}} if said else told


def _format(name: Any) -> Event:
    """A format by its name in the beta; one that is none is refused where all are checked."""
    return {"type": _FORMATS.get(str(name), str(name))}


def _format_of(way: Mapping[str, Any]) -> str:
    """The beta's name of the format that one way has."""
    kind = way.get("format", {}).get("type", "audio/pcm")
    return next(old for old, new in _FORMATS.items() if new == kind)


def _modalities(body: Mapping[str, Any]) -> list[str]:
    return ["audio", "text"] if "audio" in body.get("output_modalities", ()) else ["text"]


def _beta_session(session: Mapping[str, Any]) -> Event:
    audio = session.get("audio", {})
    told = {key: value for key, value in session.items() if key not in ("audio", "type")}
    for way in ("input", "output"):
        if way in audio:
            told[f"{way}_audio_format"] = _format_of(audio[way])
    heard, said = audio.get("input", {}), audio.get("output", {})
    told |= {
        "input_audio_transcription": heard.get("transcription"),
        "input_audio_noise_reduction": heard.get("noise_reduction"),
        "turn_detection": heard.get("turn_detection"),
    }
    if session.get("type") == "transcription":
        return {**told, "object": "realtime.transcription_session"}
    return {
        **told,
        "modalities": _modalities(session),
        "voice": said.get("voice"),
        "max_response_output_tokens": session.get("max_output_tokens", "inf"),
        "temperature": 0.8,
    }


def _beta_item(item: Mapping[str, Any]) -> Event:
    names = {"output_text": "text", "output_audio": "audio"}
    told = dict(item)
    if "content" in told:
        told["content"] = [
            {**part, "type": names.get(part["type"], part["type"])} for part in told["content"]
        ]
    return told
