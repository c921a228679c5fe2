"""Voices of Dia2 and Dia, made, kept and heard: what the commands and the web page share."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.audio.wav import read_audio
from agent.config.engines import STT, create_stt, fitting_voice
from agent.config.load import Config
from agent.engines import OFFLINE, GuardedSpeechToText
from agent.errors import AudioError, ParleyError
from agent.guards.files import keep_private
from tts import TextToSpeechError
from tts.extras import pip_install

if TYPE_CHECKING:
    from tts.dia.settings import Settings as DiaSettings
    from tts.dia2.settings import Settings
    from tts.voices.codec import Codec
    from tts.voices.voice import Engine
    from tts.voices.word import Word

CANDIDATES = "candidates"
"""The folder beside the voices with what there was to choose from."""

LONGEST_CLIP = 600.0
"""Seconds: what is kept of a recording is much less."""


def dia2_settings(config: Config) -> "Settings":
    """The settings of Dia2: as configured if it is the engine, or the usual ones."""
    from tts.dia2.settings import Settings

    voice = fitting_voice(config.tts).named("dia2")
    return Settings() if voice is None else Settings(**voice.arguments())


def dia_settings(config: Config) -> "DiaSettings":
    """The settings of Dia: as configured if it is the engine, or the usual ones."""
    from tts.dia.settings import Settings

    voice = fitting_voice(config.tts)
    return Settings(**voice.arguments()) if voice.engine_name == "dia" else Settings()


def engine_of(config: Config) -> "Engine":
    """Whose voices are meant where nothing is said: the configured engine's, else Dia2's."""
    return "dia" if fitting_voice(config.tts).engine_name == "dia" else "dia2"


def load_codec(named: str | None, config: Config, engine: "Engine" = "dia2") -> "Codec":
    """Only the codec of an engine's model. Raises TextToSpeechError."""
    need_torch(engine)
    if engine == "dia":
        from tts.dia.checkpoint import find_codec as find_dac
        from tts.dia.codec.codec import Dac

        settings = dia_settings(config)
        return Dac.load(find_dac(named or settings.model, settings.dac))
    from tts.dia2.checkpoint import find_codec
    from tts.dia2.fast.select import load_codec as load

    checkpoint, folder = find_codec(named or dia2_settings(config).model)
    return load(folder, checkpoint.codebooks)


def need_torch(engine: "Engine") -> None:
    """Raise TextToSpeechError if what an engine needs is not installed."""
    try:
        import safetensors  # noqa: F401 - only to tell whether it is there
        import torch  # noqa: F401

        if engine == "dia2":
            import tokenizers  # noqa: F401
    except ImportError as error:
        install = pip_install(f"parley-voice[{engine}]")
        name = {"dia": "Dia", "dia2": "Dia2"}[engine]
        raise TextToSpeechError(f"{name} needs {error.name}: {install}") from None


def keep_voices_private(tell: Callable[[str], None]) -> None:
    """Take the voices that there are from all others: each is somebody's, or may be."""
    from tts.voices import folder as voices
    from tts.voices.voice import SUFFIX

    folder = voices.folder()
    if folder.is_dir():
        kept = [*folder.glob(f"*{SUFFIX}"), folder / CANDIDATES]
        keep_private(folder, kept, lambda _code, message, _recovered: tell(message))


async def heard_words(pcm: NDArray[np.float32], rate: int, config: Config) -> "tuple[Word, ...]":
    """The words that Whisper hears, with their times. Raises SpeechToTextError."""
    from tts.voices.word import Word

    section = config.stt.named("whisper") or STT.validate({STT.selector: "whisper"})
    engine = GuardedSpeechToText(
        create_stt(section.model_copy(update={"word_times": True})), patience=OFFLINE
    )
    await engine.load()
    try:
        async with engine.listen() as recognition:
            await recognition.feed(resample(pcm, rate, engine.sample_rate))
            transcript = await recognition.finish()
    finally:
        with anyio.CancelScope(shield=True):
            await engine.aclose()
    words: list[Word] = []
    before, length = 0.0, len(pcm) / rate
    for word in transcript.words:
        # Whisper pads what it hears, and may end a word in the padding, or before its beginning.
        start = min(max(word.start, before), length)
        words.append(Word(word.text, start, min(max(word.end, start), length)))
        before = start
    return tuple(words)


async def from_upload(name: str, clip: IO[bytes], config: Config, consent: str) -> list[str]:
    """Make a voice of a recording for the configured engine; returns what is less than good.

    `consent` says how the speaker's was confirmed. Raises ParleyError, AudioError,
    SpeechToTextError or TextToSpeechError.
    """
    from tts.voices import folder as voices
    from tts.voices.making import check_recording, from_recording, trim

    keep_voices_private(lambda _message: None)
    path, engine = voices.path_of(name), engine_of(config)
    if path.exists():
        raise ParleyError(f"there is a voice '{name}' already: choose another name")

    def read() -> tuple[NDArray[np.float32], int, list[str]]:
        with NamedTemporaryFile() as file:
            shutil.copyfileobj(clip, file)
            file.flush()
            try:
                pcm, rate = read_audio(file.name, longest=LONGEST_CLIP)
            except AudioError as error:
                raise AudioError(str(error).replace(file.name, "the recording")) from None
        warnings = check_recording(pcm, rate, engine)
        return trim(pcm, rate)[0], rate, warnings

    pcm, rate, warnings = await anyio.to_thread.run_sync(read)
    words = await heard_words(pcm, rate, config)

    def make() -> None:
        codec = load_codec(None, config, engine)
        provenance = {
            "source": "recorded: an upload",
            "made": now(),
            "words": "heard by Whisper",
            "consent": f"confirmed {consent}, {now()}",
        }
        sound = resample(pcm, rate, codec.sample_rate)
        from_recording(name, sound, words, codec, provenance, engine=engine).save(path)

    await anyio.to_thread.run_sync(make)
    return warnings


def listed(config: Config) -> list[dict[str, Any]]:
    """Return the configured engine's voices that can be read: name, seconds, text."""
    from tts.voices import folder as voices

    found, engine = [], engine_of(config)
    for name in voices.names(engine):
        with suppress(TextToSpeechError):
            voice = voices.load(name, engine)
            found.append({"name": name, "seconds": voice.seconds, "text": voice.text})
    return found


def sound_of(name: str, config: Config) -> tuple[NDArray[np.float32], int]:
    """Decode a voice: its samples [n], and their rate in Hz. Raises TextToSpeechError."""
    from tts.voices import folder as voices

    engine = engine_of(config)
    voice = voices.load(_kept(name), engine)
    codec = load_codec(None, config, engine)
    voice.check(codec)
    return codec.decode(voice.codes).cpu().numpy(), codec.sample_rate


def remove(name: str) -> None:
    """Delete a voice. Raises TextToSpeechError if there is none of that name."""
    from tts.voices import folder as voices

    voices.find(_kept(name)).unlink(missing_ok=True)


def _kept(name: str) -> str:
    """Return a name that is no path. Raises TextToSpeechError."""
    from tts.voices import folder as voices

    voices.path_of(name)
    return name


def now() -> str:
    """The time, for a voice's provenance: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
