"""What is proposed to which machine."""

from pathlib import Path

import pytest

from agent.doctor.gpu import Gpu
from agent.setup.machine import Machine
from agent.setup.plan import Choice, propose
from agent.setup.voices import KOKORO, PIPER
from llm_adapters.discover import Server
from tts.piper import files_of


def machine(
    *, cores: int = 4, memory: float = 16, gpu: float = 0, servers: tuple[Server, ...] = ()
) -> Machine:
    found = Gpu("A GPU", gpu, "999") if gpu else None
    return Machine("A processor", cores, memory, 100, found, "en", servers)


def titles(choices: list[Choice]) -> list[str]:
    return [choice.title for choice in choices]


@pytest.mark.parametrize(
    ("given", "languages", "wanted"),
    [
        (machine(), ["en"], ["Whisper base.en", "Whisper tiny.en", "Pocketsphinx"]),
        (machine(), ["de"], ["Whisper base", "Whisper tiny"]),
        (machine(cores=16), ["en", "es"], [*(f"Whisper {s}" for s in ("small", "base", "tiny"))]),
        (machine(memory=1), ["fr"], ["Whisper tiny"]),
        (machine(gpu=8), ["fr"], ["Whisper turbo", "Whisper small", "Whisper base"]),
    ],
)
def test_recognisers(given: Machine, languages: list[str], wanted: list[str]) -> None:
    assert titles(propose(given, languages).stt)[: len(wanted)] == wanted


def test_the_language_is_found_out_only_where_there_are_several() -> None:
    assert propose(machine(), ["de"]).stt[0].section["language"] == "de"
    assert propose(machine(), ["de", "en"]).stt[0].section["language"] == "auto"


def test_a_server_on_this_computer_comes_before_an_account_and_both_before_what_comes_along() -> (
    None
):
    servers = (
        Server("Ollama", "http://127.0.0.1:11434/v1", ("llama3.2", "qwen3")),
        Server("OpenAI", "https://api.openai.com/v1", ("gpt-4o-mini",), local=False),
    )
    choices = propose(machine(servers=servers), ["en"]).llm
    assert titles(choices)[:3] == ["llama3.2 (Ollama)", "qwen3 (Ollama)", "gpt-4o-mini (OpenAI)"]
    assert choices[0].section["api_key"] == "none"
    assert "api_key" not in choices[2].section  # it stays in the environment
    assert titles(choices)[-1] == "Eliza"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (machine(cores=8), ["Qwen2.5 1.5B", "Qwen2.5 0.5B", "Eliza"]),
        (machine(cores=2), ["Qwen2.5 0.5B", "Eliza"]),
        (machine(cores=8, memory=4), ["Qwen2.5 0.5B", "Eliza"]),
        (machine(memory=1), ["Eliza"]),
    ],
)
def test_a_model_without_a_server_where_none_answers(given: Machine, wanted: list[str]) -> None:
    choices = propose(given, ["en"]).llm
    assert titles(choices) == wanted
    for choice in choices[:-1]:
        (download,) = choice.downloads
        assert choice.section["model"] == f"{download.repository}:{download.files[0]}"
        at = choice.of_mirror(Path("/usb")).section["model"]
        assert at == f"/usb/{download.repository}/{download.files[0]}"


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["Kokoro af_heart", "Piper en_US-lessac-medium", "espeak en"]),
        ("de", ["Piper de_DE-thorsten-medium", "espeak de"]),
        ("el", ["espeak el"]),
    ],
)
def test_voices(language: str, wanted: list[str]) -> None:
    assert titles(propose(machine(), [language]).tts) == wanted


def test_dia2_where_a_gpu_carries_it() -> None:
    assert titles(propose(machine(gpu=12), ["en"]).tts)[0] == "Dia2-1B"
    assert titles(propose(machine(gpu=4), ["en"]).tts)[0] == "Kokoro af_heart"
    assert titles(propose(machine(gpu=12), ["de"]).tts)[0] == "Piper de_DE-thorsten-medium"


def test_every_named_voice_can_be_one() -> None:
    for language, voice in PIPER.items():
        assert files_of(voice)[0].startswith(f"{language}/"), voice
    assert set(KOKORO) <= set(PIPER) | {"hi"}
