"""What people see, in a terminal and in a pipe."""

from io import StringIO

import numpy as np
from rich.console import Console

from agent.cli.view import LiveView, PlainView, open_view
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantText,
    Audio,
    Decision,
    ErrorEvent,
    Event,
    TurnCommitted,
    TurnLatency,
    UserBackchannel,
    UserSpeechStarted,
    UserTranscript,
)

EVENTS: list[Event] = [
    UserSpeechStarted(1),
    UserTranscript(1, "hel", final=False),
    UserTranscript(1, "hello [there]", final=True),
    TurnCommitted(1, "hello [there]"),
    AssistantText(1, "Hi "),
    TurnLatency(1, endpoint_ms=500, stt_ms=100, llm_ttft_ms=10, total_ms=640),
    AssistantInterrupted(1, "Hi", "you"),
    UserBackchannel(2, "mm-hm"),
    AssistantResumed(1),
    AssistantDone(2, "Bye."),
    ErrorEvent("llm", "x", "nothing answers", recovered=True),
]


def test_a_pipe_gets_one_plain_line_per_thing_said() -> None:
    out = StringIO()
    view = open_view("Parley", Console(file=out, width=200))
    assert isinstance(view, PlainView)
    with view:
        for event in EVENTS:
            view(event)
    lines = out.getvalue().splitlines()
    assert lines[0] == "you: hello [there]"
    assert lines[1].endswith("endpoint 500 stt 100 llm 10 = 640 ms")
    assert lines[2:] == [
        "Parley: Hi — (interrupted)",
        "you: mm-hm (in passing)",
        "Parley goes on",
        "Parley: Bye.",
        "error: llm: nothing answers",
    ]


def test_a_terminal_gets_a_live_picture() -> None:
    out = StringIO()
    view = open_view("Parley", Console(file=out, width=80, force_terminal=True, highlight=False))
    assert isinstance(view, LiveView)
    with view:
        view(UserSpeechStarted(1))
        view(UserTranscript(1, "what is the", final=False))
        view.user(Audio(np.full(320, 0.5, np.float32), 16000))
        view.refresh()
        picture = out.getvalue()
    assert "you speak" in picture
    assert "what is the" in picture
    assert "▮" in picture


def test_the_live_picture_streams_the_reply_and_lets_it_go() -> None:
    out = StringIO()
    view = LiveView("Parley", Console(file=out, width=80, force_terminal=True, highlight=False))
    with view:
        view(TurnCommitted(1, "hello"))
        view(AssistantText(1, "Good mor"))
        view.refresh()
        assert "Good mor" in out.getvalue()
        view(AssistantDone(1, "Good morning."))
        view.refresh()
    assert "Good morning." in out.getvalue()


def test_the_live_picture_shows_how_finished_it_sounds_and_what_is_prepared() -> None:
    out = StringIO()
    view = LiveView("Parley", Console(file=out, width=80, force_terminal=True, highlight=False))
    with view:
        view(UserSpeechStarted(1))
        view(Decision(1, "speculate", "'i would like'", 0.31))
        view.refresh()
        assert all(part in out.getvalue() for part in ("you pause", "0.31", "preparing a reply"))
        view(Decision(1, "discard", "the user goes on"))
        view.refresh()
        assert "1 prepared in vain" in out.getvalue()
