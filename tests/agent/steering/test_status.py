"""Where the conversation stands, event by event."""

from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantSpeechStarted,
    AssistantText,
    Decision,
    ErrorEvent,
    Event,
    TurnCommitted,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
)
from agent.steering.status import Status


def after(*events: Event) -> list[str]:
    """What is said after each event."""
    status = Status("Parley")
    told = []
    for event in events:
        status(event)
        told.append(status.words)
    return told


def test_a_turn_and_its_reply() -> None:
    assert Status("Parley").words == "listening"
    assert after(
        UserSpeechStarted(1),
        UserTranscript(1, "what", final=False),
        UserSpeechStopped(1, 0.9),
        UserTranscript(1, "what is", final=False),  # late: they do not speak any more
        UserTranscript(1, "what is it", final=True),
        TurnCommitted(1, "what is it"),
        AssistantText(1, "A bird."),
        AssistantSpeechStarted(1),
        AssistantDone(1, "A bird."),
    ) == [
        "you speak",
        "you speak",
        "recognising",
        "recognising",
        "listening",
        "thinking",
        "thinking",
        "Parley speaks",
        "listening",
    ]


def test_an_interruption_that_was_none() -> None:
    assert after(
        AssistantSpeechStarted(1),
        Decision(1, "duck", "perhaps a voice"),
        UserSpeechStarted(2),
        AssistantInterrupted(1, "once", "upon a time"),
        UserTranscript(2, "", final=True),
        AssistantResumed(1),
        AssistantDone(1, "once upon a time"),
    ) == [
        "Parley speaks",
        "Parley speaks softly",
        "you speak, Parley speaks softly",
        "you speak",
        "listening",
        "Parley speaks",
        "listening",
    ]


def test_ducked_for_a_click() -> None:
    assert after(
        AssistantSpeechStarted(1), Decision(1, "duck", "?"), Decision(1, "unduck", "a click")
    )[1:] == ["Parley speaks softly", "Parley speaks"]


def test_a_reply_that_is_prepared_in_vain_and_one_that_is_not() -> None:
    status = Status("Parley")
    status(UserSpeechStarted(3))
    status(Decision(3, "speculate", "'i would like'", 0.2))
    assert (status.words, status.certainty, status.preparing) == ("you pause", 0.2, True)
    status(Decision(3, "discard", "the user goes on"))
    assert (status.words, status.certainty, status.preparing) == ("you speak", None, False)
    assert status.wasted == 1
    status(Decision(3, "speculate", "'i would like tea'"))
    status(UserSpeechStopped(3, 2.0))
    status(Decision(3, "commit", "0.2 s of silence", 0.8))
    assert (status.words, status.certainty, status.preparing) == ("recognising", 0.8, True)
    status(UserTranscript(3, "i would like tea", final=True))
    status(TurnCommitted(3, "i would like tea"))
    assert (status.words, status.preparing, status.wasted) == ("thinking", False, 1)
    status(UserSpeechStarted(4))
    assert (status.certainty, status.wasted) == (None, 0)


def test_asleep_and_awake() -> None:
    assert after(Decision(1, "sleep", "silence"), Decision(2, "wake", "a voice")) == [
        "asleep",
        "listening",
    ]


def test_a_recogniser_that_fails_is_not_waited_for() -> None:
    assert after(
        UserSpeechStarted(1),
        UserSpeechStopped(1, 1.0),
        ErrorEvent("stt", "x", "no", recovered=True),
    )[-1] == ("listening")
