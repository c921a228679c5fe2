"""`parley setup` as it is called: without asking, asking, and with nobody there to ask."""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from huggingface_hub import constants

from agent.cli.commands import setup
from agent.cli.console import SafeConsole
from agent.cli.main import main
from agent.config.load import find_config, load_config
from tests.hub_server import hub_server, use_hub

QUESTION = "What is the capital of France?"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a configuration, a model or a network: what comes along is all there is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.realtime
def test_without_a_network_what_comes_along_is_set_up_and_heard(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", "--yes", "--language", "en"]) == 0
    out = capfd.readouterr().out
    assert "stt   Whisper base.en: cannot be used: " in out
    assert "tts   Kokoro af_heart: cannot be used: " in out
    assert "turn  Smart-Turn: cannot be used: " in out
    assert "Parley: The capital of France is Paris." in out
    path = home / "config/parley/config.yaml"
    assert find_config() == path
    config = load_config()
    assert [config.stt.engine_name, config.llm.engine_name, config.tts.engine_name] == [
        "pocketsphinx",
        "eliza",
        "espeak",
    ]
    assert config.turn.detector == "words"
    assert path.stat().st_mode & 0o777 == 0o600

    path.write_text("agent: {name: Mine}\n")
    assert main(["setup", "--yes", "--language", "en"]) == 0
    assert f"the configuration that was there is {path}.old now" in capfd.readouterr().out
    assert path.with_name("config.yaml.old").read_text() == "agent: {name: Mine}\n"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], list[str]]:
    """Somebody at a terminal who answers so; what they were asked."""
    asked: list[str] = []

    def give(given: list[str]) -> list[str]:
        left = iter(given)

        def answer(question: str) -> str:
            asked.append(question)
            try:
                return next(left)
            except StopIteration:
                raise EOFError from None

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", answer)
        return asked

    return give


@pytest.mark.realtime
def test_asked_for_each_part(
    answers: Callable[[list[str]], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    asked = answers(["en", "3", "2", "3", "yes", "no"])
    assert main(["setup", "-o", "mine.yaml"]) == 0
    assert [question.partition(" [")[0] for question in asked] == [
        "languages you speak to it",
        "stt",
        "llm",
        "tts",
        "9 MB are downloaded, as far as they are not here yet; go on",
        "speak, and hear it",
    ]
    assert "cannot be used" not in capfd.readouterr().out.partition("turn ")[0]
    assert load_config("mine.yaml").stt.engine_name == "pocketsphinx"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["en", "1", "1", "no"], ""),
        (["en", "9"], "stt: '9' is none of 1 to 3"),
        (["klingon"], "'klingon' is no list of languages: give codes such as en, or en,de"),
        ([], "setup was not finished, and nothing was written"),
    ],
)
def test_nothing_is_written_until_all_is_answered(
    home: Path,
    answers: Callable[[list[str]], list[str]],
    capfd: pytest.CaptureFixture[str],
    given: list[str],
    told: str,
) -> None:
    answers(given)
    assert main(["setup"]) == 1
    assert told in capfd.readouterr().err
    assert not (home / "config").exists()


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["setup"]) == 1
    assert capfd.readouterr().err == (
        "parley: there is nobody to ask: give --yes to take what is proposed\n"
    )


def test_a_mirror_is_filled_for_another_machine(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {
        **{f"Systran/faster-whisper-{s}/model.bin": b"x" for s in ("base", "tiny", "small")},
        "rhasspy/piper-voices/de/de_DE/thorsten/medium/de_DE-thorsten-medium.onnx": b"y",
        "rhasspy/piper-voices/de/de_DE/thorsten/medium/de_DE-thorsten-medium.onnx.json": b"{}",
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf": b"q",
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF/qwen2.5-1.5b-instruct-q4_k_m.gguf": b"q",
        "pipecat-ai/smart-turn-v3/smart-turn-v3.2-cpu.onnx": b"z",
    }
    monkeypatch.setattr(setup, "TRIAL", 1.0)
    with hub_server(files) as hub:
        use_hub(monkeypatch, hub, home / "cache")
        assert main(["setup", "--yes", "--language", "de", "--fill-mirror", "usb"]) == 0
    assert "there: parley setup --mirror usb" in capfd.readouterr().out
    sums = (home / "usb/SHA256SUMS").read_text().splitlines()
    assert len(sums) >= 5
    assert not (home / "config").exists()


def test_a_mirror_that_is_none_is_refused(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It fell back to what comes along, as if that had been asked for."""
    assert main(["setup", "--yes", "--mirror", str(home)]) == 1
    told = capfd.readouterr().err
    assert f"{home} is no mirror" in told
    assert len(told.splitlines()) == 1


def test_no_answer_in_time_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def silent(*_: object, **__: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr("agent.cli.live.talk", silent)
    monkeypatch.setattr(setup, "TRIAL", 0.01)
    args = argparse.Namespace(yes=True)
    setup._rehearse(SafeConsole(wrap=False), args, "llm: {adapter: eliza}")
    assert "no answer within 0.01 s: this machine is too slow" in capfd.readouterr().out
