"""Loading Dia2: what a bundle is, on what it runs, who may use it, and what cannot be loaded."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import tts.dia2
from tests import tiny_dia2
from tests.tts.dia2 import networks  # noqa: F401 - PyTorch in one thread
from tts import TextToSpeechError
from tts.dia2 import Dia2
from tts.dia2 import bundle as module
from tts.dia2.network import config_json
from tts.dia2.serving.graph_stepper import new_stepper
from tts.extras import pip_install


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that no test changes."""
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=4)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A checkpoint of a test's own."""
    return Path(shutil.copytree(made, tmp_path / "dia2"))


def reason(folder: Path, **options: Any) -> str:
    """Why it cannot be loaded: one line."""
    with pytest.raises(TextToSpeechError) as raised:
        Dia2.load(folder, **options)
    line = str(raised.value)
    assert "\n" not in line
    return line


def test_a_bundle(made: Path) -> None:
    dia2 = Dia2.load(str(made), device="cpu", slots=3)
    assert (dia2.source, dia2.sample_rate, dia2.frame_rate) == (str(made), 24000, 12.5)
    assert dia2.model.slots == 3
    assert dia2.model.branches == 2
    assert dia2.model.dtype == torch.float32
    assert dia2.mimi.codebooks == dia2.config.codebooks == 4
    assert dia2.tokenizer.has_speakers
    assert dia2.tokenizer.encode("(laughs)") == [dia2.tokenizer.speakers[1] + 1]
    assert dia2.fingerprint == Dia2.load(made, guidance=False).fingerprint


def test_bfloat16_on_the_cpu_if_asked_for(made: Path) -> None:
    dia2 = Dia2.load(made, dtype="bfloat16")
    assert dia2.model.dtype == dia2.model.cache.keys.dtype == torch.bfloat16
    assert dia2.generate("Hello there.", seed=1).audio_tokens.shape[1] > 10
    assert Dia2.load(made, dtype=torch.float32).model.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"dtype": "float16"}, "unknown dtype 'float16': use auto, float32 or bfloat16"),
        ({"device": "gpu"}, "unknown device 'gpu': use auto, cpu or cuda"),
        ({"device": "meta"}, "Dia2 does not run on 'meta': use auto, cpu or cuda"),
    ],
)
def test_options_that_there_are_not(made: Path, options: dict[str, str], line: str) -> None:
    assert reason(made, **options) == line


def test_a_gpu_that_is_not_there(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "finds no NVIDIA GPU" in reason(made, device="cuda")
    assert Dia2.load(made).model.device.type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert reason(made, device="cuda:3") == "there is no cuda:3: use cuda"


def large(folder: Path) -> Path:
    """Give a checkpoint the configuration of the 2B."""
    config = json.loads((folder / "config.json").read_text())
    config["data"].update(text_vocab_size=49280, audio_vocab_size=66)
    config["model"]["decoder"] = tiny_dia2._size(28, 2048, 6144, 16, 8, 128)
    config["model"]["depformer"].update(tiny_dia2._size(4, 1024, 3072, 8, 8, 128))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_not_enough_gpu_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (3 << 30, 8 << 30))
    line = reason(large(folder))
    assert "of GPU memory and 3.0 GiB are free on cuda" in line
    assert "use the smaller nari-labs/Dia2-1B or device cpu" in line
    needed = float(line.partition("needs ")[2].partition(" GiB")[0])
    assert 3.5 < needed < 5
    line = reason(folder, dtype="float32")
    assert "use dtype bfloat16 or the smaller nari-labs/Dia2-1B or device cpu" in line
    assert float(line.partition("needs ")[2].partition(" GiB")[0]) > 1.7 * needed


def test_memory_counts_the_cache_of_every_slot_and_branch(made: Path) -> None:
    config = config_json.read(made / "config.json")

    def needed(slots: int, branches: int) -> int:
        return module.memory_needed(config, torch.float32, slots=slots, branches=branches)

    dia2 = Dia2.load(made, slots=3)
    cache = 2 * dia2.model.cache.keys.numel() * 4
    assert needed(3, 2) - needed(1, 2) == cache - cache // 3
    assert needed(3, 1) - needed(1, 1) == (cache - cache // 3) // 2


def test_pytorch_out_of_memory_is_told_in_a_line(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nSee the documentation")

    monkeypatch.setattr(module, "select_model", full)
    assert reason(made) == f"{made} cannot be loaded on cpu: CUDA out of memory."


# Checkpoints that are not whole.


def test_weights_cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    assert "model.safetensors is cut off or not a safetensors file" in reason(folder)
    assert "download it again" in reason(folder)
    path.write_bytes(b"\x03")
    assert "cut off" in reason(folder)


def test_weights_of_another_model(folder: Path, tmp_path: Path) -> None:
    other = tiny_dia2.make(tmp_path / "other", codebooks=5)
    shutil.copy(other / "model.safetensors", folder / "model.safetensors")
    line = reason(folder)
    assert "does not hold the tensors its config.json describes" in line
    assert "transformer.audio_embeds.4.weight" in line


def test_a_pickle_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"a": Trap()}, folder / "model.safetensors")
    assert "looks like a pickle file, which is never loaded" in reason(folder)
    assert not (tmp_path / "sprung").exists()


def test_no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.json"):
        (folder / name).unlink()
    assert f"no tokenizer in {folder}" in reason(folder)


def test_the_older_files_of_the_tokenizer_do(made: Path, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    text = "[S1] Hello there, (laughs) you."
    assert Dia2.load(folder).tokenizer.encode(text) == Dia2.load(made).tokenizer.encode(text)


def test_codecs_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    fewer = tiny_dia2.make(tmp_path / "fewer", codebooks=3) / "mimi"
    assert "has 3 codebooks, not 4" in reason(folder, mimi=str(fewer))
    assert "is no Mimi codec" in reason(folder, mimi=str(tmp_path))
    config = json.loads((folder / "config.json").read_text())
    config["data"].update(audio_vocab_size=130, audio_bos_token_id=128, audio_pad_token_id=129)
    wide = tmp_path / "wide"
    wide.mkdir()
    tiny_dia2._write(wide, config, {}, 1)
    shutil.copy(folder / "tokenizer.json", wide)
    line = reason(wide, mimi=str(folder / "mimi"))
    assert "writes 128 different codes" in line
    assert "has 64: they do not belong together" in line


# Who may use it.


def test_one_user_at_a_time(made: Path) -> None:
    dia2 = Dia2.load(made)
    with dia2.exclusively():
        assert new_stepper(dia2.model, dia2.graphs).sequences == [None]
        with pytest.raises(TextToSpeechError, match="is in use"):
            dia2.generate("Hello.")
    dia2.generate("Hello.")
    failures = []

    def generate() -> None:
        try:
            dia2.generate("Hello.")
        except TextToSpeechError as error:
            failures.append(error)

    with dia2.exclusively():
        other = threading.Thread(target=generate)
        other.start()
        other.join()
    assert len(failures) == 1


FORKED = """
import os, sys
from tts.dia2 import Dia2
from tts.protocol import TextToSpeechError

dia2 = Dia2.load(sys.argv[1])
dia2.generate("Hello.")
child = os.fork()
if child == 0:
    try:
        dia2.generate("Hello.")
    except TextToSpeechError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_forked_process_is_told_to_load_its_own(made: Path) -> None:
    done = python(FORKED, str(made))
    assert "loaded before this process was forked" in done.stdout, done.stderr


# Lazy, and without what it needs.


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_importing_the_package_is_light() -> None:
    done = python("import sys, tts.dia2; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'Dia3'"):
        _ = tts.dia2.Dia3


@pytest.mark.parametrize("name", ["Dia2", "Result", "Sampling"])
def test_without_pytorch(name: str) -> None:
    done = python(f"import sys; sys.modules['torch'] = None; from tts.dia2 import {name}")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tts.protocol.TextToSpeechError: Dia2 needs torch")
    assert pip_install("parley-voice[dia2]") in last


@pytest.mark.parametrize("missing", ["safetensors", "tokenizers"])
def test_without_the_other_libraries(made: Path, missing: str) -> None:
    done = python(
        f"import sys; sys.modules['{missing}'] = None\n"
        f"from tts.dia2 import Dia2; Dia2.load({str(made)!r})"
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"tts.protocol.TextToSpeechError: Dia2 needs {missing}"), last
    assert pip_install("parley-voice[dia2]") in last
