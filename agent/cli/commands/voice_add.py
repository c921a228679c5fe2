"""`parley voice add`: a voice from a recording, with its speaker's consent."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.audio.wav import read_audio
from agent.cli import ending
from agent.cli.commands.voice_tools import (
    CONSENT,
    confirm,
    free_name,
    load_codec,
    now,
    settings,
)
from agent.cli.output import warn
from agent.cli.whole_file import read_whole
from agent.config.engines import STT, create_stt
from agent.config.load import Config
from agent.engines import OFFLINE, GuardedSpeechToText
from agent.errors import ParleyError
from agent.guards.text import valid_json
from tts import TextToSpeechError

if TYPE_CHECKING:
    from tts.dia2.text.prefix import Word

LONGEST_CLIP = 600.0
"""Seconds: what is kept of a recording is much less."""


def run(args: argparse.Namespace) -> int:
    """Check the recording, ask for consent, find the words, encode, save.

    Raises ParleyError, ConfigError, AudioError, SpeechToTextError or TextToSpeechError.
    """
    from tts.dia2.voices.making import check_recording, from_recording, trim

    path = free_name(args.name, replace=args.yes)
    config = settings(args)
    words = None if args.words is None else read_words(args.words)
    pcm, rate = read_audio(args.clip, longest=LONGEST_CLIP)
    try:
        for warning in check_recording(pcm, rate):
            warn(f"{args.clip}: {warning}")
        pcm, words = trim(pcm, rate, words)
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{args.clip}: {error}") from None
    consent = _consent(args)

    codec = load_codec(args.model, config)
    if args.words is None:
        print("listening to the words", file=sys.stderr)
        words = ending.run(_hear, pcm, rate, config)
    try:
        voice = from_recording(
            args.name,
            resample(pcm, rate, codec.sample_rate),
            words,
            codec,
            {
                "source": f"recorded: {args.clip.name}",
                "made": now(),
                "words": "heard by Whisper" if args.words is None else f"from {args.words.name}",
                "consent": consent,
            },
        )
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{args.clip}: {error}") from None
    voice.save(path)
    print(f"'{args.name}' says: {voice.text}")
    print(f"saved ({voice.seconds:.1f} s): {path}")
    return 0


def _consent(args: argparse.Namespace) -> str:
    """How and when the speaker's consent was confirmed. Raises ParleyError if it was not."""
    if args.consent:
        return f"confirmed with --consent, {now()}"
    print(CONSENT, flush=True)
    question = f"does the speaker of {args.clip.name} agree that this voice is made?"
    if not confirm(question, otherwise="--consent"):
        raise ParleyError("no voice is made without the speaker's consent")
    return f"confirmed on the terminal, {now()}"


def read_words(path: Path) -> "tuple[Word, ...]":
    """The timed words of a JSON file: what `parley transcribe --json` prints, or only its list.

    Raises ParleyError, naming the file and what is wrong in it.
    """
    from tts.dia2.text.prefix import Word

    try:
        data = valid_json(json.loads(read_whole(path)))
    except ValueError as error:
        raise ParleyError(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise ParleyError(f"{path} is nested too deeply for a list of words") from None
    data = data.get("words") if isinstance(data, dict) else data
    if not isinstance(data, list) or not data:
        raise ParleyError(f"{path} has no words: a list of text, start, end (s) is needed")
    words = []
    for number, each in enumerate(data, 1):
        try:
            words.append(Word(str(each["text"]), float(each["start"]), float(each["end"])))
        except (TypeError, KeyError, ValueError, OverflowError, TextToSpeechError):
            raise ParleyError(
                f"{path}: word {number} is {json.dumps(each, ensure_ascii=False)[:80]}, needed is "
                '{"text": …, "start": …, "end": …}'
            ) from None
    return tuple(words)


def resample(pcm: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    """A whole recording at another rate."""
    resampler = Resampler(source, target, "high")
    return np.concatenate((resampler.process(pcm), resampler.flush()))


async def _hear(pcm: NDArray[np.float32], rate: int, config: Config) -> "tuple[Word, ...]":
    """The words that Whisper hears, with their times. Raises SpeechToTextError."""
    from tts.dia2.text.prefix import Word

    section = config.stt
    if section.engine_name != "whisper":
        section = STT.validate({STT.selector: "whisper"})
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
