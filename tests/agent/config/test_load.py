from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.cli.commands.config import schema
from agent.cli.main import main
from agent.config.load import (
    Config,
    find_config,
    load_config,
    locate,
    parse_config,
    presets,
    public,
)
from agent.errors import ConfigError


def read(text: str | bytes) -> Config:
    return parse_config(text if isinstance(text, bytes) else text.encode(), "my.yaml")


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value).splitlines()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person who runs the tests: no keys, no configuration of their own."""
    for name in ("OPENAI_API_KEY", "OPENAI_MODEL", "LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


class TestValues:
    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "turn:\nstt:\n", "{}"])
    def test_what_is_left_out_is_the_default(self, text: str) -> None:
        assert read(text) == Config()

    def test_the_default_is_offline(self) -> None:
        assert read("") == load_config("offline")

    def test_sections_and_engines(self) -> None:
        config = read("turn:\n  silence: 0.8\nstt:\n  engine: whisper\n  model: tiny\n")
        assert config.turn.silence == 0.8
        assert config.turn.min_speech == Config().turn.min_speech
        assert config.stt.engine_name == "whisper"
        assert config.stt.arguments()["model"] == "tiny"

    def test_an_unnamed_engine_is_the_default_one(self) -> None:
        assert read("tts: {speed: 200}").tts.arguments()["speed"] == 200

    def test_model_validate_knows_the_engines(self) -> None:
        data = {"llm": {"adapter": "openai", "model": "m"}, "tts": {"speed": 90}}
        config = Config.model_validate(data)
        assert config.llm.arguments()["model"] == "m"
        with pytest.raises(ValidationError) as caught:
            Config.model_validate({"tts": {"speed": 20}})
        assert caught.value.errors()[0]["loc"] == ("tts", "speed")

    @pytest.mark.parametrize("word", ["no", "on", "Yes", "1:30", "2026-01-02", "0777", "1e3"])
    def test_words_stay_words(self, word: str) -> None:
        assert read(f"agent: {{name: {word}}}").agent.name == word

    def test_values_never_change(self) -> None:
        config = Config()
        with pytest.raises(ValidationError):
            config.agent.name = "other"


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NAME", "Ada")
        monkeypatch.setenv("EMPTY", "")
        monkeypatch.setenv("SPEED", "200")
        monkeypatch.delenv("MISSING", raising=False)

    @pytest.mark.parametrize(
        ("written", "read_as"),
        [
            ("${NAME}", "Ada"),
            ("I am ${NAME}, ${NAME}!", "I am Ada, Ada!"),
            ("${MISSING:-Bob}", "Bob"),
            ("${MISSING:-}", ""),
            ("${EMPTY:-Bob}", "Bob"),
            ("${EMPTY}", ""),
            ("${NAME:-Bob}", "Ada"),
            ("${MISSING:-http://h:1/v1}", "http://h:1/v1"),
            ("$${NAME}", "${NAME}"),
            ("$5, $NAME, 5$", "$5, $NAME, 5$"),
            ("$$$$", "$$"),
        ],
    )
    def test_expansion(self, written: str, read_as: str) -> None:
        assert read(f"agent: {{name: '{written}'}}").agent.name == read_as

    def test_the_value_has_the_type_of_its_key(self) -> None:
        config = read("tts: {speed: '${SPEED}'}\nturn:\n  silence: ${MISSING:-0.7}\n")
        assert config.tts.arguments()["speed"] == 200
        assert config.turn.silence == 0.7

    def test_missing_variables_and_other_problems_are_all_told(self) -> None:
        text = "agent:\n  name: ${MISSING}\ntts:\n  speed: ${MISSING}\n  pitch: 200\n"
        hint = "environment variable MISSING is not set (set it, or write ${MISSING:-default})"
        assert problems(text) == [
            f"my.yaml:2: agent.name: {hint}",
            f"my.yaml:4: tts.speed: {hint}",
            "my.yaml:5: tts.pitch: should be less than or equal to 100 (got 200)",
        ]

    @pytest.mark.parametrize("written", ["${", "${NAME", "${}", "${1}", "${NAME:x}", "${A:-${B}}"])
    def test_what_is_no_variable(self, written: str) -> None:
        expected = "my.yaml:1: agent.name: '${' should begin ${NAME} or ${NAME:-default}"
        assert problems(f"agent: {{name: '{written}'}}") == [expected]

    def test_a_wrong_value_from_the_environment_is_not_shown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SPEED", "sk-secret")
        assert problems("tts:\n  speed: ${SPEED}") == [
            "my.yaml:2: tts.speed: should be a valid integer (got ${SPEED})"
        ]


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("\nturn:\n  silense: 1\n", "3: turn.silense: unknown key, did you mean 'silence'?"),
            ("silence: 1", "1: silence: unknown key, did you mean 'turn.silence'?"),
            ("trun: {}", "1: trun: unknown key, did you mean 'turn'?"),
            ("vad: {zzz: 1}", "1: vad.zzz: unknown key; there are start, stop"),
            ("tts:\n  spee: 1\n", "2: tts.spee: unknown key, did you mean 'speed'?"),
            ("tts: {engine: espaek}", "1: tts.engine: unknown engine 'espaek', did you mean"),
            ("llm: {adapter: 5}", "1: llm.adapter: unknown adapter '5'; there are "),
            ("turn:\n  silence: long", "2: turn.silence: should be a valid number (got 'long')"),
            ("turn: {silence: true}", "1: turn.silence: should not be true or false (got true)"),
            ("turn: {silence: -1}", "1: turn.silence: should be greater than or equal to 0"),
            ("turn: {silence: 500}", "1: turn.silence: should be less than or equal to 10"),
            ("turn: {silence: .nan}", "1: turn.silence: should be a finite number (got nan)"),
            ("turn: {silence: [1]}", "1: turn.silence: should be a valid number (got a list)"),
            ("agent: {name: 5}", "1: agent.name: should be a valid string (got 5)"),
            ("agent: {name: null}", "1: agent.name: should be a valid string (got null)"),
            ("agent: Bob", "1: agent: should be a mapping of keys to values (got 'Bob')"),
            ("stt: whisper", "1: stt: should be a mapping of keys to values (got 'whisper')"),
            ("stt:\n- whisper", "1: stt: should be a mapping of keys to values (got a list)"),
            (
                "microphone:\n  device: 1.5",
                "2: microphone.device: should be a valid string or a valid integer (got 1.5)",
            ),
            ("vad:\n  start: 0.2", "1: vad: stop should not be greater than start"),
            ("llm: {adapter: openai}", "1: llm.model: is required"),
            ("stt:\n  engine: whisper\n  device: gpu", "3: stt.device: should be 'auto', 'cpu'"),
            (
                "tts:\n  engine: command\n  command:\n  - say\n  - 5",
                "5: tts.command[1]: should be a valid string (got 5)",
            ),
            ("1: 2", "1: 1: unknown key; there are language, agent, micr"),
            ("turn: {}\nturn: {}", "2: turn: given twice, first in line 1"),
            ("vad:\n  start: 1\n  start: 1", "3: vad.start: given twice, first in line 2"),
            ("[a]: 1", "1: a key should be a plain word"),
            ("agent: {name: !!binary x}", "1: agent.name: not a value that can be used here"),
            ("agent: {name: !mine x}", "1: agent.name: not a value that can be used here"),
            ("- 1", "1: expected keys and values, such as 'tts:', at the top"),
            ("hello", "1: expected keys and values, such as 'tts:', at the top"),
            ("a: [\n b", "2:3: not YAML: expected ',' or ']'"),
            ("a: 1\n b: 2", "2:3: not YAML: mapping values are not allowed here"),
            ("a: *b", "1:4: not YAML: aliases (*name) are not used here"),
            ("a: 1\n---\nb: 2", "2:1: not YAML: but found another document"),
            ("a: 1\nb: \x01", "2: not YAML: a character that text has not"),
            (b"a: 1\nb: \xff", "2: not UTF-8 text (save it as UTF-8)"),
        ],
    )
    def test_one_line_says_where_and_what(self, text: str | bytes, line: str) -> None:
        found = problems(text)
        assert found[0].startswith(f"my.yaml:{line}")

    def test_every_problem_is_told_once_in_order(self) -> None:
        text = "turn:\n  silense: 1\n  pre_roll: x\ntts:\n  voice: 1\n  speed: 1\nx: 1\n"
        assert [line.split(": ")[0] for line in problems(text)] == [
            f"my.yaml:{line}" for line in (2, 3, 5, 6, 7)
        ]

    def test_too_deep(self) -> None:
        assert problems("[" * 100_000) == ["my.yaml: not YAML that can be read: nested too deeply"]

    def test_a_long_value_is_cut(self) -> None:
        assert len(problems(f"tts: {{speed: {'x' * 1000}}}")[0]) < 150

    @given(st.text("ab10:-[]{}'\"\n\t #&*!|>%$?,.~\x01") | st.binary())
    def test_no_file_is_more_than_a_config_error(self, content: str | bytes) -> None:
        with suppress(ConfigError):
            read(content)


class TestPlaces:
    def test_a_path(self, tmp_path: Path) -> None:
        path = tmp_path / "own.yaml"
        path.write_text("agent: {name: Own}", encoding="utf-8-sig")
        assert load_config(path).agent.name == "Own"
        assert load_config("own.yaml").agent.name == "Own"

    def test_problems_name_the_path_as_given(self, tmp_path: Path) -> None:
        (tmp_path / "own.yaml").write_text("agent:\n  nmae: x\n")
        with pytest.raises(ConfigError, match=r"^own.yaml:2: agent.nmae: unknown key, did you"):
            load_config("own.yaml")

    def test_problems_of_a_preset_name_it(self) -> None:
        with pytest.raises(ConfigError, match=r"^configs/openai.yaml:\d+: llm.api_key: env.*KEY"):
            load_config("openai")

    def test_no_such_file_or_preset(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_config("offlin")
        assert str(caught.value) == (
            "offlin: no such file or preset, did you mean 'offline'? "
            "(presets: desktop, local, offline, openai)"
        )

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot be read \("):
            load_config(tmp_path)

    def test_without_a_name_the_nearest_is_found(self, tmp_path: Path) -> None:
        assert find_config() is None
        assert locate(None).name == "offline.yaml"
        folder = tmp_path / "config" / "parley"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("agent: {name: Everywhere}")
        assert load_config().agent.name == "Everywhere"
        (tmp_path / "parley.yaml").write_text("agent: {name: Here}")
        assert load_config().agent.name == "Here"


class TestPresets:
    @pytest.fixture(params=["desktop", "local", "offline", "openai"])
    def preset(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        return str(request.param)

    def test_there_are_three(self) -> None:
        assert presets() == ["desktop", "local", "offline", "openai"]

    def test_each_loads(self, preset: str) -> None:
        assert load_config(preset).model_dump()["agent"]["name"] == "Parley"

    def test_each_checks(self, preset: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["config", "check", preset]) == 0
        assert capsys.readouterr().out == f"configs/{preset}.yaml: ok\n"

    def test_each_is_shown_complete(self, preset: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["config", "show", preset]) == 0
        shown = capsys.readouterr().out
        assert public(read(shown)) == public(load_config(preset))
        assert "sk-secret" not in shown

    def test_each_has_only_keys_of_the_schema(self, preset: str) -> None:
        described = schema()
        for section, values in load_config(preset).model_dump().items():
            if not isinstance(values, dict) or section == "agents":
                assert section in described["properties"]
                continue
            assert set(values) <= set(_keys_of(described, section))


def _keys_of(described: dict[str, Any], section: str) -> Iterator[str]:
    entry = described["properties"][section]
    for choice in entry.get("anyOf", [entry]):
        yield from described["$defs"][choice["$ref"].rpartition("/")[2]]["properties"]


class TestSchema:
    def test_engines_with_their_limits_and_words(self) -> None:
        described = schema()["$defs"]["Espeak"]
        assert described["additionalProperties"] is False
        speed = described["properties"]["speed"]
        assert (speed["minimum"], speed["maximum"]) == (80, 450)
        assert speed["description"] == "Words per minute."
        assert described["properties"]["engine"]["const"] == "espeak"

    def test_every_key_of_every_section_is_described(self) -> None:
        for name, model in schema()["$defs"].items():
            for key, described in model["properties"].items():
                assert key in ("engine", "adapter") or described.get("description"), (name, key)

    def test_only_the_default_engine_may_be_unnamed(self) -> None:
        definitions = schema()["$defs"]
        assert "engine" not in definitions["Pocketsphinx"].get("required", [])
        assert "engine" in definitions["Whisper"]["required"]


class TestSecrets:
    SECRET = "llm: {adapter: openai, model: m, api_key: sk-secret, base_url: 'http://u:pw@h/v1'}"

    def test_public(self) -> None:
        values = public(read(self.SECRET))["llm"]
        assert values["api_key"] == "********"
        assert values["base_url"] == "http://********@h/v1"
        assert values["model"] == "m"

    def test_no_secret_is_not_masked(self) -> None:
        assert public(read("llm: {adapter: openai, model: m}"))["llm"]["api_key"] is None

    def test_repr(self) -> None:
        config = read(self.SECRET)
        assert config.llm.arguments()["api_key"] == "sk-secret"
        assert "sk-secret" not in repr(config)

    @pytest.mark.parametrize(
        "text",
        [
            "llm: {adapter: openai, model: m, api_key: [sk-secret]}",
            "llm: {adapter: openai, model: m, api_key: {a: sk-secret}}",
            "llm: {adapter: openai, model: m, api_keyy: sk-secret}",
            "llm: {adapter: openai, api_key: sk-secret}",
            "api_key: sk-secret",
            "llm: {adapter: openai, model: [m], api_key: sk-secret}",
        ],
    )
    def test_no_error_tells_them(self, text: str) -> None:
        assert "sk-secret" not in "".join(problems(text))

    def test_validation_errors_of_python_hold_no_values(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Config.model_validate({"llm": {"adapter": "openai", "api_key": ["sk-secret"]}})
        assert "sk-secret" not in str(caught.value)


def test_a_language_model_is_shown_before_its_fallback() -> None:
    from agent.cli.commands.config import show

    shown = show(read("llm: {adapter: auto, fallback: [{adapter: openai, model: m}]}"))
    lines = [line.strip() for line in shown[shown.index("llm:") :].splitlines()]
    assert lines[1] == "adapter: auto"
    place = lines.index("fallback:")
    assert lines[place + 1 : place + 3] == ["- adapter: openai", "model: m"]
    assert lines[place - 2] == "max_tokens: null"


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))),
    st.floats(0, 10),
    st.one_of(st.none(), st.integers(0, 99), st.sampled_from(["no", "1e3", "010", "0x1F", "~"])),
)
def test_what_is_shown_reads_the_same(name: str, silence: float, device: str | int | None) -> None:
    from agent.cli.commands.config import show

    config = Config.model_validate(
        {
            "agent": {"name": name, "instructions": f"${{X}} $$ {name}"},
            "turn": {"silence": silence},
            "microphone": {"device": device},
        }
    )
    assert read(show(config)) == config
