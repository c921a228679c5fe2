"""The turn policy: people who talk to one another while a reply sounds, as loud as the user."""

from dataclasses import replace

import pytest

from agent.config.load import Config
from agent.conversation.commands import (
    Backchannel,
    Command,
    Commit,
    Explain,
    Ignore,
    Interrupt,
    Resume,
    Stop,
)
from agent.conversation.events import PolicyEvent, ReplyEnded, ReplyProgress
from agent.conversation.policy import Policy
from agent.turns.events import PreemptiveTranscript, SpeechPaused, SpeechProgress
from tests.agent.conversation.transitions import DUCKED, NOW, ended, final, partial, started

ASIDE = "Did you feed the cat?"


class Talk:
    """A conversation in English in which a reply sounds, and somebody speaks."""

    def __init__(self, language: str | None = "en", **interruption: object) -> None:
        config = {"agent": {"name": "Parley"}, "interruption": interruption}
        self.policy = Policy(Config.model_validate(config))
        self.policy.barge_in.language = language
        self.now = NOW - 1
        for event in DUCKED:
            self.policy.on(event, self.now)
        self.turn = 1

    def on(self, *events: PolicyEvent) -> list[Command]:
        return [c for each in events for c in self.policy.on(each, self.now)]

    def say(
        self,
        text: str,
        *,
        voice: float = 0.5,
        pitch: float | None = None,
        level: float | None = None,
    ) -> list[Command]:
        """A turn, word by word, to its end."""
        self.turn, words = self.turn + 1, text.split()
        said: list[PolicyEvent] = [started(self.turn)]
        for end in range(1, len(words) + 1):
            said.append(partial(self.turn, " ".join(words[:end])))
            said.append(SpeechProgress(self.turn, voice * end, level, pitch))
        said.append(PreemptiveTranscript(self.turn, 1, text))
        over = replace(ended(self.turn), level=level, pitch=pitch)
        return self.on(*said, over, final(self.turn, text))


def kinds(commands: list[Command]) -> set[type[Command]]:
    return {type(command) for command in commands}


def commits(commands: list[Command]) -> list[str]:
    return [command.text for command in commands if isinstance(command, Commit)]


def test_side_talk_neither_stops_the_reply_nor_is_answered() -> None:
    done = Talk().say(ASIDE, voice=0.2)
    assert not kinds(done) & {Interrupt, Stop, Commit}
    assert Ignore(2, interrupted=False) in done
    why = [command.decision.why for command in done if isinstance(command, Explain)]
    assert f"'{ASIDE}' is said to somebody else" in why


@pytest.mark.parametrize(
    "options", [{"side_talk": "hear"}, {"language": None}, {"language": "it"}], ids=str
)
def test_it_does_where_it_is_wanted_or_the_language_is_another(options: dict[str, object]) -> None:
    done = Talk(**options).say(ASIDE)  # type: ignore[arg-type]
    assert kinds(done) >= {Interrupt, Stop, Commit}


def test_a_reply_that_fell_silent_goes_on_and_the_echo_is_not_blamed() -> None:
    talk = Talk()
    stopped = talk.on(started(2), SpeechProgress(2, 0.5), partial(2, "Where"))
    assert Interrupt in kinds(stopped)
    where = "Where did you park the car?"
    done = talk.on(SpeechPaused(2, 1, 0.0), PreemptiveTranscript(2, 1, where))
    assert kinds(done) >= {Resume}
    assert Ignore(2, interrupted=False) in talk.on(ended(2), final(2, where))


def test_what_may_become_side_talk_is_waited_for_only_so_long() -> None:
    talk = Talk()
    assert talk.on(started(2), partial(2, "Did"), SpeechProgress(2, 0.5)) == []
    assert Interrupt in kinds(talk.on(SpeechProgress(2, 1.0)))


def test_a_meant_interruption_stops_it_at_the_word_that_tells() -> None:
    talk = Talk()
    talk.on(started(2), partial(2, "Did"), SpeechProgress(2, 0.5))
    assert Interrupt in kinds(talk.on(partial(2, "Did they")))


def test_who_says_it_again_is_answered() -> None:
    talk = Talk()
    assert not commits(talk.say(ASIDE))
    assert commits(talk.say(ASIDE)) == [ASIDE]


@pytest.mark.parametrize("call", ["I was talking to you.", "Parley?"])
def test_what_was_meant_after_all_is_not_lost(call: str) -> None:
    talk = Talk()
    talk.say(ASIDE)
    assert commits(talk.say(call)) == [f"{ASIDE} {call}"]


def test_what_was_said_long_ago_is_not_meant() -> None:
    talk = Talk()
    talk.say(ASIDE)
    talk.now += 11
    assert commits(talk.say("Parley, stop.")) == ["Parley, stop."]


TOLD = "The children are playing outside."


@pytest.mark.parametrize("above", [-12, -5, 7, 12])
def test_who_says_how_things_are_in_another_voice_speaks_to_others(above: float) -> None:
    talk = Talk()
    talk.policy.barge_in.user.learn(None, "", 84.0)
    done = talk.say(TOLD, voice=0.2, pitch=84 + above)
    assert not kinds(done) & {Interrupt, Stop, Commit}


@pytest.mark.parametrize("above", [-4, 0, 6, None])
def test_in_a_voice_that_may_be_the_users_it_is_for_the_agent(above: float | None) -> None:
    talk = Talk()
    talk.policy.barge_in.user.learn(None, "", 84.0)
    assert commits(talk.say(TOLD, pitch=None if above is None else 84 + above)) == [TOLD]


@pytest.mark.parametrize(("below", "heard"), [(4.0, [TOLD]), (5.0, [])])
def test_a_television_next_door_is_softer(below: float, heard: list[str]) -> None:
    talk = Talk()
    talk.policy.barge_in.user.learn(-26.0)
    assert commits(talk.say(TOLD, voice=0.2, level=-26.0 - below)) == heard


@pytest.mark.parametrize("text", ["How far is it?", "The next one.", "No, by car."])
def test_another_voice_may_speak_to_the_agent_too(text: str) -> None:
    talk = Talk()
    talk.policy.barge_in.user.learn(None, "", 84.0)
    assert commits(talk.say(text, pitch=96.0)) == [text]


def test_who_answers_somebody_else_at_once_speaks_to_them() -> None:
    talk = Talk()
    talk.say(ASIDE)
    assert not commits(talk.say("Yes, this morning."))
    assert not commits(talk.say("She was hungry today."))
    assert commits(talk.say("What is that?")) == ["What is that?"]


def test_later_it_is_for_the_agent() -> None:
    talk = Talk()
    talk.say(ASIDE)
    talk.now += 4
    assert commits(talk.say("Yes, this morning.")) == ["Yes, this morning."]


def test_who_laughs_for_long_is_not_answered_and_the_reply_goes_on() -> None:
    done = Talk(language=None).say("Ha ha ha ha!", voice=0.3)
    assert not kinds(done) & {Stop, Commit}
    assert Backchannel(2, "Ha ha ha ha!") in done


def test_who_laughs_at_its_end_is_not_answered() -> None:
    talk = Talk()
    talk.on(started(2), partial(2, "Ha ha"), SpeechProgress(2, 1.5))
    talk.on(ReplyEnded(1, complete=True))
    assert Backchannel(2, "Ha ha ha!") in talk.on(ended(2), final(2, "Ha ha ha!"))


def test_who_answers_the_agents_question_is_heard() -> None:
    talk = Talk()
    talk.on(ReplyProgress(1, asks=True))
    assert commits(talk.say("I will be back at eight.")) == ["I will be back at eight."]


def test_who_goes_on_as_the_reply_begins_is_heard() -> None:
    talk = Talk()
    talk.now = NOW - 2.5  # half a second of it has been heard
    assert commits(talk.say(ASIDE)) == [ASIDE]


def test_side_talk_that_outlasts_the_reply_is_not_answered() -> None:
    talk = Talk()
    talk.on(started(2), partial(2, "Did you"), SpeechProgress(2, 0.5))
    talk.on(ReplyEnded(1, complete=True))
    assert Ignore(2, interrupted=False) in talk.on(ended(2), final(2, ASIDE))


def test_what_is_said_in_silence_is_for_the_agent() -> None:
    talk = Talk()
    talk.on(ReplyEnded(1, complete=True))
    assert commits(talk.say(ASIDE)) == [ASIDE]


def test_it_is_heard_again_what_it_was_about() -> None:
    talk = Talk()
    talk.policy.barge_in.user.learn(None, "How often does the cat want its breakfast?")
    assert commits(talk.say("Did you say breakfast?")) == ["Did you say breakfast?"]
    assert commits(talk.say("Will you want breakfast?")) == ["Will you want breakfast?"]
