"""Whatever a configuration file holds: it is read, or each mistake is a line that says where."""

import os
import time

import pytest

from agent.cli import main as cli
from agent.config.load import load_config, parse_config
from agent.config.yaml_source import MAX_BYTES, MAX_NODES, MAX_TOLD
from agent.errors import ConfigError


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text if isinstance(text, bytes) else text.encode("utf-8"), "my.yaml")
    return str(caught.value).split("\n")


TAGS = {
    "!!bool q": "is not what its tag !!bool says",
    '!!bool ""': "is not what its tag !!bool says",
    '!!int ""': "is not what its tag !!int says",
    "!!int x": "is not what its tag !!int says",
    "!!int _": "is not what its tag !!int says",
    "!!int 0b": "is not what its tag !!int says",
    "!!int 1:2:x": "is not what its tag !!int says",
    '!!float ""': "is not what its tag !!float says",
    "!!float _": "is not what its tag !!float says",
    "!!float 1:x": "is not what its tag !!float says",
    "!!null x": "is not what its tag !!null says",
    "!!timestamp foo": "not a value that can be used here (tag !!timestamp)",
    "!!timestamp 2026-99-99": "not a value that can be used here (tag !!timestamp)",
    '!!binary "é"': "not a value that can be used here (tag !!binary)",
    "!!binary a": "not a value that can be used here (tag !!binary)",
    "!!set {a}": "not a value that can be used here (tag !!set)",
    "!!omap [a: 1]": "not a value that can be used here (tag !!omap)",
    "!!pairs [a: 1]": "not a value that can be used here (tag !!pairs)",
    "!!map x": "not a value that can be used here (tag !!map)",
    "!!seq x": "not a value that can be used here (tag !!seq)",
    "!!str [a]": "not a value that can be used here (tag !!str)",
    "!!int {a: 1}": "not a value that can be used here (tag !!int)",
    "!mine x": "not a value that can be used here (tag !mine)",
    "!!python/name:os.system": "not a value that can be used here (tag !!python/name:os.system)",
    '!!python/object/apply:os.system ["touch PWNED"]': "not a value that can be used here",
    "!<tag:x> x": "not a value that can be used here (tag tag:x)",
}


@pytest.mark.parametrize(("value", "told"), TAGS.items(), ids=TAGS.keys())
def test_a_tag_that_does_not_fit(value: str, told: str) -> None:
    (problem,) = problems(f"agent:\n  name: {value}\n")
    assert problem.startswith(f"my.yaml:2: agent.name: {told}")


def test_a_tag_that_fits() -> None:
    text = '!!map {agent: {name: !!str 5, greeting: ! x}, turn: {max_guesses: !!int "3"}}'
    config = parse_config(text.encode(), "my.yaml")
    assert (config.agent.name, config.agent.greeting, config.turn.max_guesses) == ("5", "x", 3)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"a\\0b"', "has a NUL character in it"),
        ('"a\\ud83db"', "has half a surrogate pair in it"),
        ("9" * 19, "has more than 18 digits"),
        ("9" * 100_000, "has more than 18 digits"),
        ("0x" + "f" * 16, "has more than 18 digits"),
    ],
    ids=["NUL", "surrogate", "19 digits", "100,000 digits", "64 bits"],
)
def test_a_value_that_nothing_can_use(value: str, told: str) -> None:
    assert problems(f"agent: {{name: {value}}}") == [f"my.yaml:1: agent.name: {told}"]


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse_config(b'{"agent": {"name": "\\ud83d\\ude00"}}', "x").agent.name == "😀"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("agent: {}".encode("utf-16"), "my.yaml:1: not UTF-8 text (save it as UTF-8)"),
        ("agent: {}".encode("utf-16-le"), "my.yaml:1: not YAML: a character that text has not"),
        (b"a: 1\nb: \0", "my.yaml:2: not YAML: a character that text has not"),
        (b"a: &a [*a]", "my.yaml:1:8: not YAML: aliases (*name) are not used here"),
        (b"[" * 100_000, "my.yaml: not YAML that can be read: nested too deeply"),
        (b"- " * 100_000, "my.yaml: not YAML that can be read: nested too deeply"),
        (b"{a: " * 100_000, "my.yaml: not YAML that can be read: nested too deeply"),
        (b"? " * 100_000, "my.yaml: not YAML that can be read: nested too deeply"),
        (b"#" * (MAX_BYTES + 1), "my.yaml: larger than 1 MiB: this is no configuration"),
    ],
    ids=["UTF-16", "without mark", "NUL", "alias", "[", "-", "{", "?", "large"],
)
def test_what_is_no_configuration(content: bytes, told: str) -> None:
    (problem,) = problems(content)
    assert problem.startswith(told)


def test_fallbacks_of_fallbacks_end() -> None:
    text = "llm: " + "{adapter: eliza, fallback: [" * 140 + "]}" * 140
    assert problems(text) == ["my.yaml: not YAML that can be read: nested too deeply"]


def test_a_merge_is_no_way_around() -> None:
    assert problems("a: &a {b: 1}\nagent:\n  <<: *a") == [
        "my.yaml:3:7: not YAML: aliases (*name) are not used here"
    ]


@pytest.mark.parametrize("section", ["", "llm:\n", "agent:\n", "tools:\n- x:\n"])
def test_thousands_of_mistakes_are_told_soon(section: str) -> None:
    for count in (4_900, 20_000):
        indent = "    "[: 2 * section.count("\n")]
        keys = "".join(f"{indent}key_{i}: 1\n" for i in range(count))
        began = time.process_time()
        told = problems(section + keys)
        assert time.process_time() - began < 10, "it took two minutes"
        assert len(told) <= MAX_TOLD + 1
        if count > MAX_NODES // 2:
            assert f"more than {MAX_NODES} keys and values" in told[-1]
        elif not section.startswith("tools"):
            assert told[-1] == f"my.yaml: and {count - MAX_TOLD} more"


def test_long_keys_and_values_are_cut() -> None:
    for text in ("x" * 100 + ": 1", f"stt: {{engine: {'y' * 100_000}}}", f"turn: {'z' * 100_000}"):
        (problem,) = problems(text)
        assert len(problem) < 800


def test_a_line_of_a_message_is_one_line() -> None:
    assert problems('"a\\nmy.yaml:1: fine": 1')[0].startswith("my.yaml:1: a␊my.yaml:1: fine: ")


def test_a_file_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "check", "/dev/zero"]) == 1
    assert capsys.readouterr().err == (
        "parley: /dev/zero: larger than 1 MiB: this is no configuration\n"
    )


def test_a_pipe_can_be_a_configuration() -> None:
    """`parley talk <(make-config)`, as shells write it."""
    reader, writer = os.pipe()
    os.write(writer, b"agent: {name: Piped}")
    os.close(writer)
    try:
        assert load_config(f"/dev/fd/{reader}").agent.name == "Piped"
    finally:
        os.close(reader)
