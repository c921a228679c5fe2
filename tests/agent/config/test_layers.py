"""Configurations of several files, and `--set`: what stands over what, and what is told where."""

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.config.layers import MAX_CHAIN
from agent.config.load import Config, load_config, load_with_files
from agent.errors import ConfigError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(**files: str) -> None:
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text)


def problem(name: str = "my.yaml", *assignments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(name, assignments)
    return str(caught.value)


class TestExtends:
    def test_a_preset_is_stood_over_key_by_key(self) -> None:
        write(my="extends: desktop\nagent: {name: Ada}\n")
        config, base = load_config("my.yaml"), load_config("desktop")
        assert config.agent.name == "Ada"
        assert config.agent.instructions == base.agent.instructions
        assert config.model_copy(update={"agent": base.agent}) == base

    def test_lists_are_replaced_and_mappings_merged(self) -> None:
        write(
            base="tools: [time, stop]\nturn: {silence: 1, pause: .2}\ntts: {languages: {de: de}}\n",
            my="extends: base.yaml\ntools: [timer]\nturn: {silence: 2}\n"
            "tts: {languages: {es: es}}\n",
        )
        config = load_config("my.yaml")
        assert [tool.function for tool in config.tools] == ["timer"]
        assert (config.turn.silence, config.turn.pause) == (2, 0.2)
        assert config.tts.arguments()["languages"] == {"de": "de", "es": "es"}

    def test_another_engine_takes_nothing_of_the_one_before(self) -> None:
        write(
            base="tts: {speed: 99}\n",
            my="extends: base.yaml\ntts: {engine: command, command: [say]}\n",
        )
        assert load_config("my.yaml").tts.engine_name == "command"

    def test_a_path_is_relative_to_the_file_that_names_it(self) -> None:
        Path("sub").mkdir()
        Path("sub/base.yaml").write_text("extends: deeper.yaml\nturn: {pause: 0.2}\n")
        Path("sub/deeper.yaml").write_text("turn: {pause: 0.1, silence: 2}\n")
        write(my="extends: sub/base.yaml\n")
        config, files = load_with_files("my.yaml")
        assert (config.turn.pause, config.turn.silence) == (0.2, 2)
        assert [path.name for path in files] == ["my.yaml", "base.yaml", "deeper.yaml"]

    def test_a_problem_names_the_file_that_holds_the_key(self) -> None:
        write(
            base="turn:\n  silence: 99\n  pause: 5\n",
            my="extends: base.yaml\nturn:\n\n  pause: 88\n",
        )
        assert problem().splitlines() == [
            "base.yaml:2: turn.silence: should be less than or equal to 10 (got 99)",
            "my.yaml:4: turn.pause: should be less than or equal to 10 (got 88)",
        ]

    def test_what_is_wrong_below_and_does_not_count_is_not_told(self) -> None:
        write(
            base="agent: {name: '${NOT_SET_ANYWHERE}'}\n",
            my="extends: base.yaml\nagent: {name: A}\n",
        )
        assert load_config("my.yaml").agent.name == "A"


class TestInclude:
    def test_of_sections_at_the_top_and_of_keys_in_a_section(self) -> None:
        write(
            tools="tools: [time]\nturn: {silence: 2}\n",
            voice="speed: 99\npitch: 10\n",
            greeter="greeting: Hi.\n",
            my="include: [tools.yaml]\nturn: {pause: 0.2}\ntts: {include: voice.yaml, pitch: 20}\n"
            "agents: {a: {include: greeter.yaml}}\n",
        )
        config = load_config("my.yaml")
        assert [tool.function for tool in config.tools] == ["time"]
        assert (config.turn.silence, config.turn.pause) == (2, 0.2)
        voice = config.tts.arguments()
        assert (voice["speed"], voice["pitch"]) == (99, 20)
        assert config.agent.greeting == "Hi."

    def test_a_problem_in_a_section_s_file_names_its_own_line(self) -> None:
        write(voice="speed: 99\npitsh: 10\n", my="tts: {include: voice.yaml}\n")
        assert problem() == "voice.yaml:2: tts.pitsh: unknown key, did you mean 'pitch'?"


class TestBadInput:
    def test_a_circle_is_named(self) -> None:
        write(a="include: b.yaml\n", b="agent: {}\nextends: a.yaml\n")
        assert (
            problem("a.yaml") == "b.yaml:2: extends: goes in a circle: a.yaml -> b.yaml -> a.yaml"
        )

    def test_a_chain_without_end_ends(self) -> None:
        write(**{f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(20)})
        told = problem("f0.yaml")
        assert told.endswith(f"more than {MAX_CHAIN} files one behind the other")

    def test_too_many_files(self) -> None:
        write(x="", my=f"include: [{', '.join(['x.yaml'] * 60)}]\n")
        assert "more than 50 files" in problem()

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("extends: locl\n", "my.yaml:1: extends: locl: no such file or preset, did you mean"),
            ("tts:\n  include: no.yaml\n", "my.yaml:2: tts.include: no.yaml: no such file"),
            ("include: 5\n", "my.yaml:1: include: should be a file, or a list of them"),
            ("extends: {a: b}\n", "my.yaml:1: extends: should be a preset or a file"),
        ],
    )
    def test_what_is_no_file_is_told(self, text: str, told: str) -> None:
        write(my=text)
        assert problem().startswith(told)


class TestSet:
    def test_any_key_over_the_file(self) -> None:
        write(my="tts: {speed: 99}\n")
        changes = [
            "tts.voice=de",
            "agents.anna.greeting=Hi",
            "tools=[time]",
            "echo=off",
            "turn.pause=.2",
        ]
        config = load_config("my.yaml", changes)
        voice = config.tts.arguments()
        assert (voice["voice"], voice["speed"]) == ("de", 99)
        assert (config.agent.greeting, config.echo, config.turn.pause) == ("Hi", "off", 0.2)
        assert [tool.function for tool in config.tools] == ["time"]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ("tts.voce=anna", "--set: tts.voce: unknown key, did you mean 'voice'?"),
            ("tss.voice=anna", "--set: tss: unknown key, did you mean 'tts'?"),
            ("tts.speed=fast", "--set: tts.speed: should be a valid integer (got 'fast')"),
            ("tts.voice", "--set tts.voice: there is no value, write it as --set tts.voice=anna"),
            ("=5", "--set : there is no value, write it as --set tts.voice=anna"),
            ("tts.speed=[", "--set tts.speed:1:2: not YAML: "),
            (
                "llm.api_key=sk-hush-hush",
                "--set: llm.api_key: unknown key; there are fallback, adapter",
            ),
        ],
    )
    def test_what_is_wrong_is_told_as_in_a_file(self, change: str, told: str) -> None:
        write(my="")
        assert problem("my.yaml", change).startswith(told)
        assert "sk-hush" not in problem("my.yaml", change)

    def test_config_show_shows_what_comes_of_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        write(my="extends: offline\n")
        assert main(["config", "show", "my.yaml", "--set", "agent.name=Ada"]) == 0
        Path("shown.yaml").write_text(capsys.readouterr().out)
        assert load_config("shown.yaml") == load_config("my.yaml", ["agent.name=Ada"])
        assert main(["config", "check", "my.yaml", "--set", "agent.nam=Ada"]) == 1
        assert capsys.readouterr().err == (
            "parley: --set: agent.nam: unknown key, did you mean 'name'?\n"
        )


def test_the_schema_knows_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert {"extends", "include", "agents", "start"} <= {*described["properties"]}
    assert "include" in described["$defs"]["Espeak"]["properties"]
    assert Config().start is None
