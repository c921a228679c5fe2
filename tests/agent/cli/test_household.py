"""Several agents at a time: which ones, what they share, and one that fails."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agent.cli import household
from agent.cli.household import residents, run_all
from agent.config.load import Config
from agent.errors import AudioError, ConfigError


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


def test_who_has_devices_is_started_and_the_others_are_handed_to() -> None:
    house = config(
        agents={
            "kitchen": {"microphone": {"device": "one"}},
            "hall": {"microphone": {"device": "two"}, "speaker": {"device": 3}},
            "expert": {},
        }
    )
    kitchen, hall, other = residents([house, config(agent={"name": "Other"})])
    assert (kitchen.agent.name, kitchen.microphone.device) == ("kitchen", "one")
    assert (hall.agent.name, hall.speaker.device) == ("hall", 3)
    assert (other.agent.name, other.microphone.device) == ("Other", None)


@pytest.mark.parametrize(
    ("configs", "told"),
    [
        ([config(agents={"a": {}, "b": {}})], "none of a, b has a `microphone` or `speaker`"),
        ([config(), config()], "Parley and Parley both listen to the default microphone"),
        (
            [config(agents={n: {"microphone": {"device": "x"}} for n in "ab"})],
            "a and b both listen to the microphone 'x': give each",
        ),
    ],
)
def test_who_cannot_be_started_is_told(configs: list[Config], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        residents(configs)
    assert str(caught.value).startswith(told)


def test_one_that_fails_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    talked: list[str] = []
    pools: list[Any] = []

    async def talk(each: Config, *, pool: Any, **_: Any) -> None:
        pools.append(pool)
        if each.agent.name == "bad":
            raise AudioError("its microphone is gone")
        await anyio.lowlevel.checkpoint()
        talked.append(each.agent.name)

    monkeypatch.setattr(household, "talk", talk)
    names = ["bad", "good"]
    unable = config(agent={"name": "unable"}, tts={"engine": "command", "command": ["no-such-cmd"]})
    configs = [*(config(agent={"name": name}) for name in names), unable]
    assert anyio.run(run_all, configs) == 2
    assert talked == ["good"]
    assert pools[0] is pools[1]
    told = capfd.readouterr().err
    assert "parley: bad: its microphone is gone" in told
    assert "parley: unable: " in told
