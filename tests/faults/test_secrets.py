"""No secret is printed or kept, whichever command meets it and however it goes wrong."""

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main as cli
from agent.cli.event_log import EventLog
from agent.cli.streams import guarded
from agent.config.load import parse_config, public
from agent.config.tools import ToolSettings
from agent.conversation.store import ConversationStore
from agent.events import ErrorEvent, SessionStarted, TurnCommitted
from agent.guards import secrets
from agent.guards.secrets import MASK, is_secret, learn, learn_settings, redact
from agent.tools.events import ToolReturned
from agent.tools.mcp import McpConnection
from tests.faults.commands import leaf_commands
from tests.paths import ROOT

GREETING = str(ROOT / "tests/audio/greeting.wav")
CONFIG = """
llm:
  adapter: openai
  model: m
  base_url: "http://bob:PWSECRET1@127.0.0.1:9/v1?api_key=QSECRET2&version=VSECRET3"
  api_key: sk-YAMLSECRET4
  retries: 0
  fallback: [{adapter: openai, model: n, base_url: "http://127.0.0.1:9/v1", api_key: FBSECRET5}]
stt:
  engine: openai
  base_url: "http://127.0.0.1:9/v1?k=STTSECRET6#FRAGSECRET7"
  api_key: "${OPENAI_API_KEY}"
  retries: 0
  timeout: 2
tts: {engine: command, command: [sh, -c, "echo failed --token=TTSSECRET8 >&2; exit 1", "x SECRET9"]}
tools:
  - mcp: {command: [sh, -c, "echo --token=ARGSECRET10; exit 1"]}
  - mcp:
      command: [nonesuch, --api-key, OPTSECRET11, -y, "KEY=ENVSECRET12", PLAINSECRET13,
        -pGLUEDSECRET19, -verbose]
  - mcp: {command: [sh], environment: [HOME, "GITHUB_TOKEN=NAMESECRET14"]}
  - mcp: {url: "http://127.0.0.1:9/mcp?key=URLSECRET15", token: "${MCPTOK}"}
session: {save: conversations}
"""
WRONG = {
    "right": ("", ""),
    "a misspelt key": ("api_key: sk-YAML", "api_kee: sk-YAML"),
    "a list for a key": ("api_key: sk-YAMLSECRET4", "api_key: [sk-LISTSECRET16]"),
    "a number wanted": ("retries: 0\n  fallback", 'retries: "sk-VALSECRET17"\n  fallback'),
    "a long one": ("model: m\n", f"model: m\n  temperature: sk-{'x' * 70}SECRET18\n"),
    "of the environment": ("model: m\n", 'model: m\n  temperature: "${OPENAI_API_KEY}"\n'),
    "a slash in a password": ("bob:PWSECRET1@", "bob:PW/SECRET19@"),
    "an @ in a password": ("bob:PWSECRET1@", "bob:p@PWSECRET20@"),
    "no port": ("127.0.0.1:9/v1?api", "127.0.0.1:PWSECRET21@/v1?api"),
    "another scheme": ("http://bob", "ftp://bob"),
    "odd characters": ("sk-YAMLSECRET4", '"sk-é\\"SECRET22"'),
    "a wrong address": ("127.0.0.1:9/v1?k", "bob:PW/SECRET23@127.0.0.1:9/v1?k"),
    "a key that is none": ('api_key: "${OPENAI_API_KEY}"', "api_key: é-SECRET24"),
    "no YAML": ("tools:", "tools: {"),
}


@pytest.fixture(autouse=True)
def _nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ENVSECRET1")
    monkeypatch.setenv("MCPTOK", "tok-MCPSECRET2")
    secrets.forget()
    yield
    secrets.forget()


def arguments(command: str) -> list[str]:
    """Arguments with which the command reads the planted configuration, and ends soon."""
    return {
        "talk": ["c.yaml", "--mic", "nofile.wav", "--record", "rec", "--events", "events"],
        "chat": ["c.yaml", "--resume", "none"],
        "run": ["c.yaml", "--set", "microphone.device=nofile.wav"],
        "test": ["c.yaml", "nofile.yaml"],
        "install-service": ["c.yaml", "--print"],
        # An address that is none of this computer's: it reads all, and does not listen.
        "serve": ["c.yaml", "--host", "203.0.113.9", "--api-key", "KEYSECRET25-of-the-server"],
        # Nobody answers at that port.
        "bench-server": ["http://127.0.0.1:1", "--api-key", "KEYSECRET25-of-the-server"],
        "satellite": ["c.yaml", "--host", "203.0.113.9", "--insecure"],
        "setup": ["--yes", "--language", "klingon"],
        "say": ["--config", "c.yaml", "hello", "-o", "hello.wav"],
        "transcribe": ["--config", "c.yaml", GREETING],
        "ctl": ["status"],
        "history": ["--config", "c.yaml"],
        "voice new": ["--config", "c.yaml", "x", "--keep", "1", "--model", "./none"],
        "voice add": ["--config", "c.yaml", "x", GREETING, "--consent", "--model", "./none"],
        "voice list": [],
        "voice play": ["--config", "c.yaml", "x"],
        "voice remove": ["x", "--yes"],
        "demo": ["-o", "folder"],
        "devices": [],
        "doctor": ["c.yaml"],
        "config show": ["c.yaml"],
        "config check": ["c.yaml"],
        "config schema": [],
    }[command]


def written(folder: Path) -> str:
    """What the command has left, but for what was there."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "c.yaml")
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


CASES = [
    (command, wrong)
    for command in leaf_commands()
    for wrong in (WRONG if "c.yaml" in arguments(command) else ["right"])
]


@pytest.mark.parametrize("debug", [True, False], ids=["debug", ""])
@pytest.mark.parametrize(("command", "wrong"), CASES)
def test_no_command_tells_a_secret(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    wrong: str,
    *,
    debug: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if command == "demo":
        monkeypatch.setattr("agent.cli.commands.demo._talk", AsyncMock())
    if command == "doctor":  # which looks at the machine and takes long
        monkeypatch.setattr("agent.doctor.checks.OF_MACHINE", ())
    right, mistake = WRONG[wrong]
    assert right in CONFIG
    config = CONFIG.replace(right, mistake) if right else CONFIG
    (tmp_path / "c.yaml").write_text(config, "utf-8")
    cli.main([*command.split(), *arguments(command), *(["--debug"] if debug else [])])
    told = capsys.readouterr()
    assert "SECRET" not in told.out + told.err + written(tmp_path)
    assert "x" * 20 not in told.err, "nor half of one"
    assert "unexpected" not in told.err


@pytest.mark.realtime
def test_no_conversation_tells_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG.replace("engine: openai", "engine: pocketsphinx  #"))
    text = (tmp_path / "c.yaml").read_text()
    for key in ('base_url: "http://127.0.0.1:9/v1?k', 'api_key: "${OPENAI', "timeout: 2"):
        text = text.replace(f"  {key}", f"  # {key}")
    text = text.replace("  retries: 0\n  # timeout", "  # timeout")
    (tmp_path / "c.yaml").write_text(text)
    files = ["--mic", GREETING, "--speaker", "out.wav", "--record", "rec", "--events", "events"]
    assert cli.main(["talk", "c.yaml", *files, "--explain"]) == 0
    told = capsys.readouterr()
    assert "nothing answers" in told.out
    assert "session.started" in (tmp_path / "events").read_text()
    assert list((tmp_path / "conversations").iterdir())
    assert "SECRET" not in told.out + told.err + written(tmp_path)


def test_what_is_shown_of_a_configuration() -> None:
    shown = public(parse_config(CONFIG.encode(), "c.yaml"))
    llm, tools = shown["llm"], [tool["mcp"] for tool in shown["tools"]]
    address = f"http://{MASK}@127.0.0.1:9/v1?api_key={MASK}&version={MASK}"
    assert llm["base_url"] == address
    assert shown["stt"]["base_url"] == f"http://127.0.0.1:9/v1?k={MASK}#{MASK}"
    assert (llm["api_key"], llm["fallback"][0]["api_key"], llm["model"]) == (MASK, MASK, "m")
    assert tools[0]["command"] == ["sh", "-c", MASK]
    assert tools[1]["command"] == [
        "nonesuch",
        "--api-key",
        MASK,
        "-y",
        MASK,
        MASK,
        f"-p{MASK}",
        "-verbose",
    ]
    assert tools[2]["environment"] == ["HOME", f"GITHUB_TOKEN={MASK}"]
    assert tools[3]["url"] == f"http://127.0.0.1:9/mcp?key={MASK}"
    assert shown["tts"]["command"] == ["sh", "-c", MASK, MASK]


def test_a_server_is_known_by_its_program() -> None:
    command = {"command": ["npx", "-y", "server", "--token=ARGSECRET"]}
    connection = McpConnection(ToolSettings.model_validate({"mcp": command}))
    assert connection.name == f"npx -y {MASK} --token={MASK}"


def test_a_secret_that_is_known_is_masked_wherever_it_turns_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    learn_settings(yaml.safe_load(CONFIG))
    learn('swordfish "é"/1')
    with guarded():
        print('the server says: swordfish "é"/1 is wrong')
        print(repr({"token": 'swordfish "é"/1'}), "swordfish%20%22%C3%A9%22%2F1")
        sys.stderr.write('{"message": "swordfish \\"\\u00e9\\"/1 is wrong"}')
        traceback.print_exception(ValueError("PWSECRET1 FBSECRET5 OPTSECRET11 version=VSECRET3"))
        logging.StreamHandler(sys.stderr).handle(logging.makeLogRecord({"msg": "ENVSECRET12"}))
    told = capsys.readouterr()
    assert "swordfish" not in told.out + told.err
    assert "SECRET" not in told.out + told.err
    assert "the server says: ******** is wrong" in told.out


def test_what_is_kept_of_a_conversation(tmp_path: Path) -> None:
    learn("swordfish-1")

    async def converse() -> None:
        with EventLog(tmp_path / "log") as log, ConversationStore(tmp_path) as store:
            for event in (
                SessionStarted(
                    {"llm": {"base_url": "http://a:swordfish-1@b", "x": ["swordfish-1"]}}
                ),
                ErrorEvent("llm", "x", "key swordfish-1 is wrong", recovered=True),
                ToolReturned(1, "env", '{"a": "swordfish-1"}', "TOKEN=abc swordfish-1", 1.0),
                TurnCommitted(1, "my word is swordfish-1"),
            ):
                log(event)
                store(event)

    asyncio.run(converse())
    assert "my word is ********" in written(tmp_path)
    assert "swordfish" not in written(tmp_path)


SHOWN = {
    "http://bob:PW/S6@127.0.0.1:9/v1": f"http://{MASK}@127.0.0.1:9/v1",
    "at http://u:p@P6@h:9/v1, or": f"at http://{MASK}@h:9/v1, or",
    "https://token@h/x": f"https://{MASK}@h/x",
    "postgresql://u:p?#w@db/x": f"postgresql://{MASK}@db/x",
    "GET /mcp?key=abc&x=1": f"GET /mcp?key={MASK}&x=1",
    "sh --token=abc; exit": f"sh --token={MASK}; exit",
    "run --api-key abc now": f"run --api-key {MASK} now",
    "GITHUB_TOKEN=abc npx": f"GITHUB_TOKEN={MASK} npx",
    "{'Authorization': 'Bearer abc1def'}": f"{{'Authorization': 'Bearer {MASK}'}}",
    '{"api_key": "abc1"}': f'{{"api_key": "{MASK}"}}',
    "Basic dXNlcjpwYXNz9": f"Basic {MASK}",
    "Incorrect API key: sk-proj-abc123def456": f"Incorrect API key: {MASK}",
    "ghp_0123456789abcdefghij": MASK,
    "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK": MASK,
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=SHOWN.keys())
def test_what_has_the_form_of_a_secret_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "see https://www.youtube.com/watch?v=xyz and http://localhost:8080/x or bob@example.org",
        "https://medium.com/@bob",
        "the bearer certificates are basic education",
        "the key to it is that a token costs nothing, and the password is secret",
        "max_tokens=100, design=blue; raise llm.max_tokens or stt.token_timeout",
        "sk-learn, disk-based, risk-averse",
        "start it: ollama serve",
        "usage: parley say [--tts ENGINE] [--config CONFIG] [--top-k K] [TEXT]",
    ],
)
def test_words_are_left_alone(text: str) -> None:
    learn("ollama")
    learn("a")
    assert redact(text) == text


def test_names_of_secrets() -> None:
    for name in ("api_key", "API_KEY", "apiKey", "x-api-key", "GITHUB_TOKEN", "PGPASSWORD", "key"):
        assert is_secret(name), name
    for name in (
        "max_tokens",
        "top_k",
        "token_timeout",
        "keyboard",
        "tokenizer",
        "PATH",
        "PWD",
        "OLDPWD",
    ):
        assert not is_secret(name), name


@given(st.text(min_size=secrets.SHORTEST), st.text(), st.text())
def test_what_was_learnt_never_passes(secret: str, before: str, after: str) -> None:
    secrets.forget()
    learn(secret)
    known = secret.lower() in secrets.PLACEHOLDERS or MASK in secret
    assert known or secret not in redact(before + secret + after).replace(MASK, "")


@pytest.mark.parametrize(
    "unit", ["://a:", "api_key:", "-", "key=", "--token ", "bearer ", "a@", "sk-"]
)
def test_long_texts_take_time_in_proportion(unit: str) -> None:
    def took(size: int) -> float:
        text = unit * (size // len(unit))
        best = 9e9
        for _ in range(3):
            start = time.process_time()
            redact(text)
            best = min(best, time.process_time() - start)
        return best

    assert took(80_000) < 20 * took(10_000) + 0.05


def test_a_usage_names_no_secret() -> None:
    usage = "[--tls-cert FILE] [--tls-key FILE] [--api-key KEY] [--api-keys FILE]"
    usage += " [--set KEY=VALUE] CONFIG"
    assert redact(usage) == usage
    assert "hunter22" not in redact("parley serve --api-key hunter22")
