"""What fits a machine: for each part of an agent the engines worth trying, the best one first.

Nothing is measured or downloaded here; sizes are of the files on the hub, rounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.setup.machine import Machine
from agent.setup.voices import KOKORO, PIPER
from agent.turns.smart_turn import FILE
from agent.turns.smart_turn import REPOSITORY as SMART_TURN
from tts.kokoro import NETWORKS
from tts.kokoro import REPOSITORY as KOKORO_REPOSITORY
from tts.piper import REPOSITORY as PIPER_REPOSITORY
from tts.piper import files_of

DIA2 = "nari-labs/Dia2-1B"
DIA2_MEMORY = 7.0
"""GB of a GPU that Dia2-1B and its codec want in half precision, with some room."""
DIA2_CORES = 16
"""Cores of a processor with which Dia2-1B is worth a try without a GPU."""


@dataclass(frozen=True, slots=True)
class Download:
    """Files of a repository (owner/name) on the hub, by name or pattern, the main one first."""

    repository: str
    files: tuple[str, ...]
    megabytes: int
    key: str = "model"
    """What of the section names the repository, or a local place in its stead."""
    whole: bool = True
    """Whether that place is the folder; else it is the main file."""

    def place(self, mirror: Path) -> Path:
        """Return where a mirror has it: `mirror/owner/name`, or the main file in it."""
        folder = mirror / self.repository
        return folder if self.whole else folder / self.files[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine: its section of the configuration, as people call it, and why it is proposed."""

    section: Mapping[str, Any]
    title: str
    why: str
    downloads: tuple[Download, ...] = ()

    @property
    def megabytes(self) -> int:
        """What is downloaded for it if nothing of it is there."""
        return sum(each.megabytes for each in self.downloads)

    def of_mirror(self, mirror: Path) -> "Choice":
        """Return the same, with its files in the folder `mirror` instead of on the hub."""
        places = {each.key: str(each.place(mirror).resolve()) for each in self.downloads}
        return replace(self, section={**self.section, **places})


@dataclass(slots=True)
class Plan:
    """For each part of an agent its choices, the best one first; the last one always works."""

    stt: list[Choice]
    llm: list[Choice]
    tts: list[Choice]
    turn: list[Choice]
    languages: tuple[str, ...] = field(default=("en",))

    def parts(self) -> Iterator[tuple[str, list[Choice]]]:
        """The sections of the configuration, with their choices."""
        yield from (("stt", self.stt), ("llm", self.llm), ("tts", self.tts), ("turn", self.turn))


def propose(machine: Machine, languages: Sequence[str]) -> Plan:
    """Propose engines for a machine and the languages (codes such as en) that are spoken to it."""
    spoken = tuple(languages) or ("en",)
    return Plan(
        stt=[*_recognisers(machine, spoken)],
        llm=[*_language_models(machine)],
        tts=[*_voices(machine, spoken[0])],
        turn=[*_turn_detectors()],
        languages=spoken,
    )


_WHISPER = {"turbo": 1620, "small": 484, "base": 145, "tiny": 76}
"""Megabytes of each size."""


def _recognisers(machine: Machine, languages: Sequence[str]) -> Iterator[Choice]:
    """Whisper, in the sizes that the machine may be fast enough for, the largest first."""
    sizes: tuple[str, ...]
    if machine.gpu is not None and machine.gpu.memory >= 4:
        sizes, why = ("turbo", "small", "base"), "there is a GPU"
    elif machine.cores >= 8 and (machine.memory == 0 or machine.memory >= 8):
        sizes, why = ("small", "base", "tiny"), f"{machine.cores} cores"
    elif machine.memory and machine.memory < 2:
        sizes, why = ("tiny",), f"{machine.memory:.0f} GB of memory"
    else:
        sizes, why = ("base", "tiny"), f"{machine.cores} cores and no GPU"
    for size in sizes:
        # Small English models hear English better than the ones for all languages.
        english = tuple(languages) == ("en",) and size != "turbo"
        name = f"{size}.en" if english else size
        language = languages[0] if len(languages) == 1 else "auto"
        repository = (
            "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
            if size == "turbo"
            else f"Systran/faster-whisper-{name}"
        )
        files = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json")
        download = Download(repository, (*files, "vocabulary.*"), _WHISPER[size])
        section = {"engine": "whisper", "model": name, "language": language}
        yield Choice(section, f"Whisper {name}", why, (download,))
    if "en" in languages:
        why = "comes along, understands simple English"
        yield Choice({"engine": "pocketsphinx"}, "Pocketsphinx", why)


def _language_models(machine: Machine) -> Iterator[Choice]:
    """Servers that answer, those on this computer first; then llama.cpp; then what comes along."""
    for server in machine.servers:
        for model in server.models[:4]:
            section = {"adapter": "openai", "model": model, "base_url": server.url}
            section |= {"api_key": "none"} if server.local else {}
            why = "answers on this computer" if server.local else "your account: text goes there"
            yield Choice(section, f"{model} ({server.name})", why)
    if not machine.memory or machine.memory >= 2:
        large = machine.cores >= 6 and (machine.memory == 0 or machine.memory >= 6)
        yield from map(_qwen, ("1.5B", "0.5B") if large else ("0.5B",))
    yield Choice({"adapter": "eliza"}, "Eliza", "comes along; rules only, talks about little")


_QWEN = {"1.5B": 1120, "0.5B": 490}
"""Megabytes of each size."""


def _qwen(size: str) -> Choice:
    """A language model on this computer's processor, without a server."""
    repository = f"Qwen/Qwen2.5-{size}-Instruct-GGUF"
    file = f"qwen2.5-{size.lower()}-instruct-q4_k_m.gguf"
    download = Download(repository, (file,), _QWEN[size], whole=False)
    section = {"adapter": "llama", "model": f"{repository}:{file}"}
    return Choice(section, f"Qwen2.5 {size}", "needs no server and no account", (download,))


def _voices(machine: Machine, language: str) -> Iterator[Choice]:
    """Dia2 where a GPU carries it, then the natural voices of the language, then espeak."""
    if language == "en" and find_spec("torch") and (why := _carries_dia2(machine)):
        downloads = (
            Download(DIA2, ("*.json", "*.safetensors"), 4200),
            Download("kyutai/mimi", ("config.json", "model.safetensors"), 385, key="mimi"),
        )
        section: dict[str, Any] = {"engine": "dia2", "model": DIA2}
        yield Choice(section, "Dia2-1B", f"speaks while the text is written; {why}", downloads)
    if (voice := KOKORO.get(language)) is not None:
        kokoro = (NETWORKS["int8"], "tokenizer.json", f"voices/{voice}.bin")
        download = Download(KOKORO_REPOSITORY, kokoro, 93)
        section = {"engine": "kokoro", "voice": voice}
        yield Choice(section, f"Kokoro {voice}", "natural, needs no GPU", (download,))
    if (voice := PIPER.get(language)) is not None:
        files = files_of(voice)
        download = Download(PIPER_REPOSITORY, files, 63, key="voice", whole=False)
        section = {"engine": "piper", "voice": voice}
        yield Choice(section, f"Piper {voice}", "clear, ten times as fast as speech", (download,))
    section = {"engine": "espeak", "voice": language}
    yield Choice(section, f"espeak {language}", "comes along; sounds like a machine")


def _carries_dia2(machine: Machine) -> str:
    """Say why Dia2 is worth trying here; nothing where it is not."""
    if machine.gpu is not None:
        return f"{machine.gpu.name} carries it" if machine.gpu.memory >= DIA2_MEMORY else ""
    return f"{machine.cores} cores may carry it" if machine.cores >= DIA2_CORES else ""


def _turn_detectors() -> Iterator[Choice]:
    download = Download(SMART_TURN, (FILE,), 9)
    why = "hears by the melody, too, whether you have finished"
    yield Choice({"detector": "smart_turn"}, "Smart-Turn", why, (download,))
    yield Choice({"detector": "words"}, "words", "judges by the words alone")
