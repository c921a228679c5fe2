"""What keys and `parley ctl` do to a conversation, on a virtual clock."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent import ParleyError
from agent.steering.steering import RELEASE
from tests.agent.fakes import FakeStt, Scripted
from tests.agent.steering.conversations import LOUD, STORY, Heard, an_agent, steered

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def said(steering: Any) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in steering.conversation.history.messages[1:]]


async def test_muted_not_one_sample_is_kept() -> None:
    heard = Heard()
    agent = an_agent([["Yes."]], ["hello"])
    async with steered(agent, LOUD, hear=heard) as steering:
        steering.mute()
        await anyio.sleep(5)
        assert heard.blocks
        assert heard.loud_s == 0
        assert steering.state.muted
        steering.unmute()
        await anyio.sleep(2)
        assert heard.loud_s == pytest.approx(2, abs=0.03)
        steering.toggle()
        await anyio.sleep(2)
    assert heard.loud_s == pytest.approx(2, abs=0.03)


async def test_the_recogniser_hears_nothing_of_who_is_muted() -> None:
    """Nor is anything of before in the pre-roll of what is said after."""
    stt = FakeStt(["hello"])
    agent = an_agent([["Yes."]], stt=stt)
    microphone = Scripted([(5, True), (1, False), (2, True), (3, False)])
    async with steered(agent, microphone) as steering:
        steering.mute()
        await anyio.sleep(5.5)
        steering.unmute()
        await anyio.sleep(5)
        assert said(steering) == [("user", "hello"), ("assistant", "Yes.")]
    assert stt.heard_s[0] < 3.1


async def test_push_to_talk_hears_only_while_it_is_pressed() -> None:
    heard = Heard()
    agent = an_agent([["Noon."]], ["what time is it"], turn={"mode": "push_to_talk"})
    async with steered(agent, LOUD, hear=heard) as steering:
        await anyio.sleep(3)
        assert heard.loud_s == 0
        steering.press()
        assert steering.state.talking
        await anyio.sleep(2)
        steering.release()
        await anyio.sleep(3)
        assert not steering.state.talking
        assert steering.muted
        assert said(steering) == [("user", "what time is it"), ("assistant", "Noon.")]
    assert heard.loud_s == pytest.approx(2 + RELEASE, abs=0.05)


async def test_a_turn_that_is_held_lasts_through_any_pause() -> None:
    microphone = Scripted([(1, True), (4, False), (1, True), (10, False)])
    agent = an_agent([["Yes."]], ["well then"])
    async with steered(agent, microphone) as steering:
        await anyio.sleep(0.5)
        steering.talk()
        await anyio.sleep(6)
        assert said(steering) == []
        steering.talk()
        await anyio.sleep(2)
        assert said(steering) == [("user", "well then"), ("assistant", "Yes.")]
        assert not steering.muted


async def test_pressing_silences_the_agent_and_what_waits_to_be_said_is_said_later() -> None:
    async with steered(an_agent([STORY], [""])) as steering:
        steering.begin(lambda: steering.ask("a story"))
        await anyio.sleep(1.1)
        steering.begin(lambda: steering.say("The tea is ready."))
        steering.press()
        await anyio.sleep(1)
        assert said(steering)[-1] == ("assistant", "word0 word1 word2 word3 word4")
        steering.release()
        await anyio.sleep(3)
        assert said(steering)[-1] == ("assistant", "The tea is ready.")


async def test_who_mutes_in_their_turn_has_said_nothing() -> None:
    agent = an_agent([["Yes."]], ["never mind"])
    async with steered(agent, LOUD) as steering:
        steering.press()
        await anyio.sleep(1)
        steering.mute()
        await anyio.sleep(3)
        assert said(steering) == []
        assert steering.muted
        assert not steering.talking


async def test_stop_say_ask_and_again() -> None:
    async with steered(an_agent([STORY, ["Noon."]])) as steering:
        with pytest.raises(ParleyError, match="nothing has been said yet"):
            await steering.say_again()
        steering.begin(lambda: steering.ask("a story"))
        await anyio.sleep(1.1)
        assert steering.state.state == "Parley speaks"
        steering.stop()
        await anyio.sleep(0.1)
        assert steering.state.state == "listening"
        assert await steering.ask("what time is it") == "Noon."
        assert await steering.say_again() == "Noon."
        assert await steering.say("Good night.") == "Good night."
        assert steering.state.turns == 2


async def test_the_volume_stays_between_nothing_and_all() -> None:
    async with steered(an_agent()) as steering:
        assert steering.volume == 100
        steering.volume += 10
        assert steering.volume == 100
        steering.volume = 35
        assert steering.state.volume == 35
        steering.volume -= 50
        assert steering.volume == 0


async def test_reload_is_a_hook() -> None:
    async def again() -> str:
        return "nothing has changed"

    async with steered(an_agent()) as steering:
        with pytest.raises(ParleyError, match="no configuration file"):
            await steering.reload()
        steering.reload_hook = again
        assert await steering.reload() == "nothing has changed"
