"""Several agents in one file: what they inherit, and what is wrong with them."""

import pytest

from agent.config.load import Config, parse_config, public
from agent.errors import ConfigError


def read(text: str) -> Config:
    return parse_config(text.encode(), "my.yaml")


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value)


HOUSE = """
agent: {instructions: Be kind., greeting: Welcome.}
tts: {speed: 150, pitch: 40}
agents:
  front: {}
  expert: {voice: de, tts: {speed: 200}, tools: [time], greeting: Hello., name: Dr. No}
  other: {tts: {engine: command, command: [say]}, handoff: []}
"""


def test_what_is_left_out_is_the_files() -> None:
    config = read(HOUSE)
    assert (config.start, config.agent.name, config.agent.greeting) == (
        "front",
        "front",
        "Welcome.",
    )
    expert = config.of("expert")
    assert (expert.agent.name, expert.agent.greeting) == ("Dr. No", "Hello.")
    assert expert.agent.instructions == "Be kind."
    voice = expert.tts.arguments()
    assert (voice["voice"], voice["speed"], voice["pitch"]) == ("de", 200, 40)
    assert [tool.function for tool in expert.tools] == ["time"]
    assert config.agents["expert"].handoff == ["front", "other"]
    # Another engine has other keys; who takes over does not greet as the file does.
    assert config.of("other").tts.engine_name == "command"
    assert config.of("other").agent.greeting == ""
    # From any of them the others are the same.
    assert expert.of("front") == config


def test_start_says_who_begins() -> None:
    config = read(f"{HOUSE}start: expert\n")
    assert (config.agent.name, config.agents["front"].greeting) == ("Dr. No", "")


def test_secrets_of_an_agent_are_not_shown() -> None:
    config = read("agents: {a: {llm: {adapter: openai, model: m, api_key: sk-hush-hush}}}")
    assert "sk-hush" not in str(public(config)) + repr(config)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "agents:\n  a: {}\n  b:\n    handoff: [aa]\n",
            "4: agents.b.handoff[0]: hands over to 'aa', whom nobody knows, did you mean 'a'?",
        ),
        (
            "agents:\n  a: {handoff: [a]}\n  b: {}\n",
            "2: agents.a.handoff[0]: hands over to itself; there are b",
        ),
        ("agents: {anna: {}}\nstart: ana\n", "2: start: no such agent, did you mean 'anna'?"),
        ("start: ana\n", "1: start: there are no agents"),
        ("agents:\n  a:\n    tts:\n      sped: 9\n", "4: agents.a.tts.sped: unknown key, did you"),
        ("agents:\n  a:\n    greting: hi\n", "3: agents.a.greting: unknown key, did you mean"),
        ("tools:\n  - {function: time, timeot: 3}\n", "2: tools[0].timeot: unknown key, did you"),
        (
            "agents:\n  a: {voice: x, tts: {engine: command, command: [say]}}\n",
            "2: agents.a.voice: the voice command has but one: give a a `tts`",
        ),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(text: str, told: str) -> None:
    assert problem(text).startswith(f"my.yaml:{told}")
