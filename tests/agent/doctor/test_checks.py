"""What the doctor says of tools, engines and the machine."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent.cli.main import main
from agent.config.load import Config
from agent.doctor import checks, checks_llm
from agent.doctor.finding import Finding
from agent.doctor.installation import installation
from agent.doctor.model_caches import dia2_model, dia2_speed, dia_speed, voice_speed
from agent.errors import AudioError
from tests.llm_adapters.llama.tiny import write_model
from tests.paths import AUDIO, ROOT
from tts import speed
from tts.extras import NAME, pip_install

pytestmark = pytest.mark.anyio

QUESTION = AUDIO / "question_weather.wav"


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


class TestTools:
    @pytest.mark.parametrize(
        ("tool", "state", "told"),
        [
            ("timer", "ok", "timer"),
            ("os.path:basename", "missing", "basename has no usable signature"),
            ("tests.agent.tools.examples:light", "ok", "tests.agent.tools.examples:light"),
            ("no.such:tool", "missing", "cannot be imported"),
            ({"mcp": {"command": [sys.executable]}}, "ok", "can be started"),
            ({"mcp": {"command": ["no-such-program"]}}, "missing", "no no-such-program to start"),
            ({"mcp": {"url": "http://127.0.0.1:1/mcp"}}, "note", "not tried"),
        ],
    )
    async def test_a_tool(self, tool: object, state: str, told: str) -> None:
        (finding,) = await checks_llm.tools(config(tools=[tool]))
        assert finding.state == state
        assert told in finding.detail

    async def test_mcp_needs_its_package(self) -> None:
        found = await checks.packages(config(tools=[{"mcp": {"command": ["x"]}}]))
        assert "mcp" in {finding.subject for finding in found}


class TestEngines:
    async def test_the_embedded_ones_load(self) -> None:
        found = await checks.examine(Config(), checks.OF_ENGINES)
        assert found == [
            Finding("ok", "stt pocketsphinx", "loads"),
            Finding("ok", "llm eliza", "loads"),
            Finding("ok", "tts espeak", "loads"),
        ]

    async def test_an_engine_that_does_not_load_says_why(self) -> None:
        tts = {"engine": "command", "command": ["a-program-that-is-not-there"]}
        (finding,) = await checks.synthesis(config(tts=tts))
        assert finding.state == "missing"
        assert "a-program-that-is-not-there" in finding.detail

    async def test_a_whisper_model_on_disk(self, tmp_path: Path) -> None:
        stt = {"engine": "whisper", "model": str(tmp_path)}
        (finding,) = await checks.recognition(config(stt=stt))
        assert finding.state == "missing"
        (tmp_path / "model.bin").touch()
        (finding,) = await checks.recognition(config(stt=stt))
        assert finding == Finding("ok", "stt whisper", f"model {tmp_path} is in {tmp_path}")

    @pytest.mark.parametrize(
        ("model", "told"),
        [("nobody/nothing-at-all", "is not downloaded yet"), ("huge", "Invalid model size 'huge'")],
    )
    async def test_a_whisper_model_that_is_not_there(self, model: str, told: str) -> None:
        (finding,) = await checks.recognition(config(stt={"engine": "whisper", "model": model}))
        assert finding.state == "missing"
        assert told in finding.detail

    async def test_a_model_of_llama_cpp(self, tmp_path: Path) -> None:
        path = tmp_path / "model.gguf"
        llm = {"adapter": "llama", "model": str(path)}
        (finding,) = await checks.language_models(config(llm=llm))
        assert (finding.state, finding.subject) == ("missing", "llm llama")
        assert f"there is no file {path}" in finding.detail
        there = {"adapter": "llama", "model": "nobody/nothing-at-all"}
        (finding,) = await checks.language_models(config(llm=there))
        assert "is not downloaded yet" in finding.detail
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
        (finding,) = await checks.language_models(config(llm=llm))
        assert finding.state == "missing"
        assert "is no GGUF file" in finding.detail
        write_model(path)
        (finding,) = await checks.language_models(config(llm=llm))
        assert finding == Finding("ok", "llm llama", f"model {path} is there")
        found = await checks.packages(config(llm=llm))
        assert "xllamacpp" in {each.subject for each in found if each.state == "ok"}


class TestMachine:
    async def test_packages_of_the_configured_engines(self) -> None:
        found = await checks.packages(config(llm={"adapter": "openai", "model": "m"}))
        assert {finding.state for finding in found} == {"ok"}
        assert {"numpy", "sounddevice", "pocketsphinx", "openai"} <= {f.subject for f in found}
        assert "openai" not in {finding.subject for finding in await checks.packages(Config())}

    async def test_parley_itself(self) -> None:
        (found,) = await installation(Config())
        assert found.state == "ok"
        assert str(ROOT) in found.detail

    async def test_a_stranger_with_a_package_of_the_same_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        stranger = tmp_path / "robot-1.0.dist-info"
        stranger.mkdir()
        (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: robot\nVersion: 1.0\n")
        (stranger / "top_level.txt").write_text("agent\nrobot\n")
        monkeypatch.syspath_prepend(tmp_path)
        _, found = await installation(Config())
        assert found.state == "missing"
        assert "'agent' is a package of robot too" in found.detail
        assert pip_install("--force-reinstall", "--no-deps", NAME) in found.fix

    async def test_a_package_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(checks.OF_ENGINE, "eliza", ("no-such-package",))
        found = await checks.packages(Config())
        fix = pip_install("no-such-package")
        assert Finding("missing", "no-such-package", "not installed", fix) in found

    async def test_files_need_no_sound_card(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(checks, "load", _no_portaudio)
        speaker = tmp_path / "out.wav"
        devices = {"microphone": {"device": str(QUESTION)}, "speaker": {"device": str(speaker)}}
        assert await checks.sound(config(**devices)) == [
            Finding("note", "portaudio", "no PortAudio: install it"),
            Finding("ok", "microphone", f"the file {QUESTION}"),
            Finding("ok", "speaker", f"the file {speaker}"),
        ]

    async def test_a_microphone_file_that_is_not_there(self) -> None:
        found = await checks.sound(config(microphone={"device": "no/such.wav"}))
        assert Finding("missing", "microphone", "no such file: no/such.wav") in found

    async def test_no_portaudio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "load", _no_portaudio)
        assert await checks.sound(Config()) == [
            Finding("missing", "portaudio", "no PortAudio: install it")
        ]

    async def test_an_unknown_device(self) -> None:
        found = await checks.sound(config(microphone={"device": "no such microphone"}))
        assert found[0].subject == "portaudio"
        assert found[1].state == "missing"

    async def test_a_sound_system_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked, released = threading.Event(), threading.Event()

        def hang() -> None:
            asked.set()
            released.wait()
            raise AudioError("too late")

        monkeypatch.setattr(checks, "PATIENCE", 0.1)
        monkeypatch.setattr(checks, "load", hang)
        try:
            (finding,) = await checks.sound(Config())
        finally:
            released.set()
        assert asked.is_set()
        assert finding.detail == "the sound system does not answer within 0.1 s"


def _no_portaudio() -> None:
    raise AudioError("no PortAudio: install it")


class TestGpu:
    """With programs of our own in the place of `nvidia-smi`."""

    @pytest.fixture
    def nvidia_smi(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        monkeypatch.setenv("PATH", str(tmp_path))

        def install(script: str) -> None:
            path = tmp_path / "nvidia-smi"
            path.write_text(f"#!{sys.executable}\n{script}")
            path.chmod(0o755)

        return install

    async def test_there_is_one(self, nvidia_smi: Callable[[str], None]) -> None:
        nvidia_smi("print('NVIDIA RTX, 8192 MiB, 580.1')")
        assert await checks.gpu(Config()) == [Finding("ok", "gpu", "NVIDIA RTX, 8192 MiB, 580.1")]

    async def test_there_is_none(self, nvidia_smi: Callable[[str], None]) -> None:
        assert [finding.state for finding in await checks.gpu(Config())] == ["note"]
        nvidia_smi("print('no devices were found'); raise SystemExit(6)")
        assert [finding.state for finding in await checks.gpu(Config())] == ["note"]
        needed = config(stt={"engine": "whisper", "device": "cuda"})
        assert [finding.state for finding in await checks.gpu(needed)] == ["missing"]

    async def test_it_hangs(
        self, nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checks, "PATIENCE", 0.1)
        nvidia_smi("import threading; threading.Event().wait()")
        with anyio.fail_after(10):
            assert [finding.state for finding in await checks.gpu(Config())] == ["note"]


class TestCommand:
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    def test_all_is_well(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "own.yaml"
        out = tmp_path / "out.wav"
        path.write_text(f"microphone: {{device: {QUESTION}}}\nspeaker: {{device: {out}}}\n")
        assert main(["doctor", str(path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["ok", "config", str(path)]
        assert {line.split()[0] for line in lines} <= {"ok", "note"}
        assert not out.exists()

    def test_a_bad_configuration_is_told_with_the_rest(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checks, "load", _no_portaudio)
        path = tmp_path / "own.yaml"
        path.write_text("turn:\n  silense: 1\nx: 1\n")
        assert main(["doctor", str(path)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split(maxsplit=2)[2].startswith(f"{path}:2: turn.silense: unknown key")
        assert lines[1].split(maxsplit=2)[2].startswith(f"{path}:3: x: unknown key")
        assert lines[2].startswith("ok       python")
        assert lines[-1] == "3 missing"

    def test_the_fix_stands_below(self) -> None:
        from agent.cli.commands.doctor import lines

        found = [Finding("missing", "a", "not there", "do this"), Finding("ok", "long", "fine")]
        assert lines(found) == [
            "missing  a     not there",
            f"{'':15}-> do this",
            "ok       long  fine",
        ]


def test_dia2_that_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    section = Config.model_validate({"tts": {"engine": "dia2", "model": "nobody/nothing"}}).tts
    finding = dia2_model(section)
    assert finding.state == "missing"
    assert "nobody/nothing, kyutai/mimi" in finding.detail


def test_dia2_in_a_folder(tmp_path: Path) -> None:
    section = Config.model_validate({"tts": {"engine": "dia2", "model": str(tmp_path)}}).tts
    assert "no config.json" in dia2_model(section).detail
    (tmp_path / "config.json").write_text("{}")
    assert dia2_model(section).state == "ok"


def test_dia_that_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    section = Config.model_validate({"tts": {"engine": "dia", "model": "nobody/nothing"}}).tts
    finding = dia2_model(section)
    assert (finding.subject, finding.state) == ("tts dia", "missing")
    assert "nobody/nothing, descript/dac_44khz" in finding.detail


@pytest.mark.parametrize(
    ("section", "name", "quicker"),
    [
        ({"engine": "kokoro", "model": "a/b"}, speed.kokoro("a/b", "int8"), "piper"),
        ({"engine": "piper", "voice": "c"}, speed.piper("c"), "espeak"),
    ],
)
def test_a_voice_that_leaves_gaps(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    section: dict[str, str],
    name: str,
    quicker: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tts = Config.model_validate({"tts": section}).tts
    assert voice_speed(tts) is None
    speed.keep(name, 1.03)
    assert (slow := voice_speed(tts)) is not None
    assert (slow.state, slow.subject) == ("note", f"tts {section['engine']}")
    assert "1.03 s for a second of speech" in slow.detail
    assert f"engine: {quicker}" in slow.fix
    speed.keep(name, 0.17)
    assert (quick := voice_speed(tts)) is not None
    assert (quick.state, quick.detail) == (
        "ok",
        "a second of speech took 0.17 s when it last spoke here",
    )


def test_dia2_says_what_was_chosen_and_how_fast_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: None)
    section = Config.model_validate({"tts": {"engine": "dia2", "model": "a/b"}}).tts
    assert dia2_speed(section) is None
    speed.keep(speed.dia2("a/b", "none"), 4.0)
    assert (finding := dia2_speed(section)) is not None
    assert (finding.state, finding.detail) == (
        "note",
        "float32 weights, 0.25 times real time here: there will be gaps",
    )
    speed.keep(speed.dia2("a/b", "int8"), 0.8)
    assert (finding := dia2_speed(section)) is not None
    assert (finding.state, finding.detail) == ("ok", "int8 weights, 1.25 times real time here")


def test_dia_where_it_is_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    section = Config.model_validate({"tts": {"engine": "dia", "model": "a/b"}}).tts
    assert dia_speed(section) is None
    speed.keep(speed.dia("a/b", "none"), 8.4)
    finding = dia_speed(section)
    assert finding is not None
    assert finding.state == "note"
    assert finding.detail == "a second of speech takes 8.4 s here: too slow for a conversation"
    assert "dia2" in finding.fix
    speed.keep(speed.dia("a/b", "none"), 0.4)
    assert (found := dia_speed(section)) is not None
    assert found.state == "ok"
