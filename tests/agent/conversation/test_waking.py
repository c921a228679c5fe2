"""Sleeping and waking, in the turn policy."""

from agent.config.load import Config
from agent.conversation.commands import Command, Commit, Ignore, Say, SetTimer, Sleep, Tone
from agent.conversation.events import ConversationStarted, PolicyEvent, ReplyEnded, TimerRang, Woken
from agent.conversation.policy import Policy
from agent.turns.events import SpeechEnded, SpeechStarted, TurnTranscript


class Told:
    """A policy with a wake word, and the commands since it was last asked."""

    def __init__(self, **wake: object) -> None:
        wake = {"words": ["hey parley"], "timeout": 20, **wake}
        self.policy = Policy(Config.model_validate({"wake": wake}))
        self("begun", ConversationStarted())

    def __call__(self, _why: str, *events: PolicyEvent) -> list[Command]:
        return [command for event in events for command in self.policy.on(event, 0.0)]

    def turn(self, text: str, number: int = 1) -> list[Command]:
        """The user says `text`."""
        return self(
            "a turn",
            SpeechStarted(number, 0.0),
            SpeechEnded(number, 0.0, 1.0, cut=False),
            TurnTranscript(number, text, final=True),
        )


def test_asleep_no_time_is_watched() -> None:
    assert Told()("begun", ConversationStarted()) == []


def test_woken_it_waits_a_moment_with_the_tone_and_then_for_a_turn() -> None:
    told = Told()
    assert told("woken", Woken()) == [SetTimer("tone", 0.3), SetTimer("sleep", 20.0)]
    assert told("nobody speaks", TimerRang("tone")) == [Tone()]
    assert told("nor later", TimerRang("sleep")) == [Sleep("20 s without a turn")]


def test_who_speaks_on_hears_no_tone_and_has_all_the_time() -> None:
    told = Told()
    told("woken", Woken())
    told("in one breath", SpeechStarted(1, 0.0))
    assert told("too late", TimerRang("tone"), TimerRang("sleep")) == []


def test_it_watches_the_time_again_when_the_reply_is_over() -> None:
    told = Told()
    told("woken", Woken())
    assert any(isinstance(command, Commit) for command in told.turn("what time is it"))
    assert SetTimer("sleep", 20.0) in told("heard", ReplyEnded(1, complete=True))


def test_it_is_sent_to_sleep() -> None:
    for text in ("Go to sleep.", "That's all, thank you!", "goodbye"):
        told = Told()
        told("woken", Woken())
        commands = told.turn(text)
        assert Sleep(f"'{text}'") in commands
        assert Ignore(1, interrupted=False) in commands
        assert not any(isinstance(command, Commit | SetTimer) for command in commands)


def test_without_a_wake_word_nobody_is_sent_to_sleep() -> None:
    told = Told(words=[])
    assert any(isinstance(command, Commit) for command in told.turn("go to sleep"))


def test_it_greets_instead_of_the_tone() -> None:
    told = Told(greeting="Yes?")
    assert [c.text for c in told("woken", Woken()) if isinstance(c, Say)] == ["Yes?"]
    assert told("no tone", TimerRang("tone")) == []


def test_it_can_be_silent() -> None:
    assert Told(sound=False)("woken", Woken()) == [SetTimer("sleep", 20.0)]
