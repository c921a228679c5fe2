"""Whether a large model is on this machine already, without loading or downloading it."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from agent.config.engines import EngineSection
from agent.doctor.finding import Finding
from agent.turns.smart_turn import FILE as SMART_TURN
from llm_adapters import LanguageModelError
from llm_adapters.llama.files import check, find_cached
from tts import speed
from tts.extras import pip_install

_DOWNLOADS = "parley talk downloads it when it first starts with this configuration"


def whisper_model(section: EngineSection) -> Finding:
    """The model that faster-whisper would load. Blocking."""
    model = str(section.arguments().get("model"))
    subject = "stt whisper"
    folder = Path(model).expanduser()
    if not folder.is_dir():
        from faster_whisper import download_model

        try:
            folder = Path(download_model(model, local_files_only=True))
        except ValueError as error:
            return Finding("missing", subject, str(error), "correct stt.model")
        except OSError:
            folder = Path()
    if (folder / "model.bin").is_file():
        return Finding("ok", subject, f"model {model} is in {folder}")
    return Finding("missing", subject, f"model {model} is not downloaded yet", _DOWNLOADS)


def smart_turn_model(model: str) -> Finding:
    """The model that judges a turn's end by its sound. Blocking."""
    from huggingface_hub import try_to_load_from_cache

    subject, path = "turn smart-turn", Path(model).expanduser()
    if path.is_file() or (path / SMART_TURN).is_file():
        return Finding("ok", subject, f"model {path} is there")
    if path.is_dir():
        return Finding("missing", subject, f"{path} has no {SMART_TURN}", "correct turn.model")
    if isinstance(try_to_load_from_cache(model, SMART_TURN), str):
        return Finding("ok", subject, f"model {model} is downloaded")
    return Finding("missing", subject, f"model {model} is not downloaded yet", _DOWNLOADS)


def llama_model(section: EngineSection) -> Finding:
    """The file that llama.cpp would load. Blocking."""
    model, subject = str(section.arguments().get("model")), "llm llama"
    try:
        if (path := find_cached(model)) is None:
            return Finding("missing", subject, f"{model} is not downloaded yet", _DOWNLOADS)
        check(path)
    except LanguageModelError as error:
        return Finding("missing", subject, str(error), "correct llm.model")
    return Finding("ok", subject, f"model {path} is there")


CODECS = {"dia2": ("mimi", "kyutai/mimi"), "dia": ("dac", "descript/dac_44khz")}
"""The setting that names the codec of either generation of Dia, and the usual one."""


def dia2_model(section: EngineSection) -> Finding:
    """The checkpoint that Dia2, or Dia, would load, and its codec. Blocking."""
    from huggingface_hub import try_to_load_from_cache

    engine = section.engine_name
    model, subject = str(section.arguments().get("model")), f"tts {engine}"
    if find_spec("torch") is None:
        install = pip_install(f"parley-voice[{engine}]")
        return Finding("missing", subject, "PyTorch is not installed", install)
    folder = Path(model).expanduser()
    if folder.is_dir():
        if (folder / "config.json").is_file():
            return Finding("ok", subject, f"model {folder} is there")
        return Finding("missing", subject, f"{folder} has no config.json", "correct tts.model")
    setting, usual = CODECS[engine]
    codec = str(section.arguments().get(setting) or usual)
    parts = {model: "config.json", codec: "config.json"}
    missing = [
        repository
        for repository, file in parts.items()
        if not Path(repository).expanduser().is_dir()
        and not isinstance(try_to_load_from_cache(repository, file), str)
    ]
    if missing:
        detail = f"not downloaded yet: {', '.join(missing)}"
        return Finding("missing", subject, detail, _DOWNLOADS)
    return Finding("ok", subject, f"model {model} is downloaded")


def dia_speed(section: EngineSection) -> Finding | None:
    """Whether Dia was fast enough for a conversation when it was last loaded here, if ever."""
    model, quantize = _measured_as(section)
    if (factor := speed.kept(speed.dia(model, quantize))) is None:
        return None
    detail = f"a second of speech takes {factor:.1f} s here"
    if factor <= 1:
        return Finding("ok", "tts dia", detail)
    fix = "talk with tts: {engine: dia2} or kokoro; Dia writes files: parley say --script"
    return Finding("note", "tts dia", f"{detail}: too slow for a conversation", fix)


def voice_speed(section: EngineSection) -> Finding | None:
    """Whether Kokoro, or Piper, was fast enough when it last spoke here, if ever."""
    arguments = section.arguments()
    name = (
        speed.kokoro(str(arguments.get("model")), str(arguments.get("dtype")))
        if section.engine_name == "kokoro"
        else speed.piper(str(arguments.get("voice")))
    )
    if (factor := speed.kept(name)) is None:
        return None
    subject = f"tts {section.engine_name}"
    if slow := speed.slow(name):
        return Finding("note", subject, *slow)
    return Finding("ok", subject, f"a second of speech took {factor:.2f} s when it last spoke here")


def dia2_speed(section: EngineSection) -> Finding | None:
    """How fast Dia2 was when a processor last loaded it here, if ever; what would be faster."""
    model, quantize = _measured_as(section)
    if shutil.which("nvidia-smi") is not None:
        return None
    kept = {each: speed.kept(speed.dia2(model, each)) for each in ("int8", "none")}
    chosen = next(
        (each for each in kept if quantize in ("auto", each) and kept[each] is not None), None
    )
    if chosen is None or (factor := kept[chosen]) is None:
        return None
    weights = "int8 weights" if chosen == "int8" else "float32 weights"
    detail = f"{weights}, {1 / max(factor, 1e-3):.2f} times real time here"
    if factor <= 1:
        return Finding("ok", "tts dia2", detail)
    faster = "quantize: auto, or cfg: 1" if chosen == "none" else "cfg: 1"
    fix = f"{faster}, an NVIDIA GPU, or another engine: kokoro"
    return Finding("note", "tts dia2", f"{detail}: there will be gaps", fix)


def _measured_as(section: EngineSection) -> tuple[str, str]:
    arguments = section.arguments()
    return str(arguments.get("model")), str(arguments.get("quantize"))
