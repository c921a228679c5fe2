"""`parley voice add`: a voice from a recording, with its speaker's consent."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.audio.resample import resample
from agent.audio.wav import read_audio
from agent.cli import ending
from agent.cli.commands.voice_tools import (
    CONSENT,
    confirm,
    free_name,
    settings,
)
from agent.cli.output import warn
from agent.cli.whole_file import read_whole
from agent.errors import ParleyError
from agent.guards.text import valid_json
from agent.voice_making import LONGEST_CLIP, engine_of, heard_words, load_codec, now
from tts import TextToSpeechError
from tts.voices.voice import NAMES, Engine, save

if TYPE_CHECKING:
    from tts.voices.word import Word


def run(args: argparse.Namespace) -> int:
    """Check the recording, ask for consent, find the words, encode, save.

    Raises ParleyError, ConfigError, AudioError, SpeechToTextError or TextToSpeechError.
    """
    from tts.voices.making import check_recording, from_recording, trim

    path = free_name(args.name, replace=args.yes)
    config = settings(args)
    engines: list[Engine] = args.engines or [engine_of(config)]
    if args.model is not None and len(engines) > 1:
        raise ParleyError("--model names one model, --for two engines: make the voice without it")
    words = None if args.words is None else read_words(args.words)
    pcm, rate = read_audio(args.clip, longest=LONGEST_CLIP)
    try:
        for engine in engines:
            for warning in check_recording(pcm, rate, engine):
                warn(f"{args.clip}: {warning}")
        pcm, words = trim(pcm, rate, words)
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{args.clip}: {error}") from None
    consent = _consent(args)

    codecs = [load_codec(args.model, config, engine) for engine in engines]
    if args.words is None:
        print("listening to the words", file=sys.stderr)
        words = ending.run(heard_words, pcm, rate, config)
    provenance = {
        "source": f"recorded: {args.clip.name}",
        "made": now(),
        "words": "heard by Whisper" if args.words is None else f"from {args.words.name}",
        "consent": consent,
    }
    try:
        made = [
            from_recording(
                args.name,
                resample(pcm, rate, codec.sample_rate),
                words,
                codec,
                provenance,
                engine=engine,
            )
            for engine, codec in zip(engines, codecs, strict=True)
        ]
    except TextToSpeechError as error:
        raise TextToSpeechError(f"{args.clip}: {error}") from None
    voice = made[0]
    save(path, *made)
    print(f"'{args.name}' says: {voice.text}")
    served = " and ".join(NAMES[each.engine] for each in made)
    print(f"saved ({voice.seconds:.1f} s, for {served}): {path}")
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
    from tts.voices.word import Word

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
