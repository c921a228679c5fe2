"""`parley voice`: the voices that Dia2 and Dia speak in, invented, taken from recordings, kept."""

import argparse
from pathlib import Path

from agent.cli.commands.voice_tools import (
    CONSENT,
    confirm,
    play,
    settings,
)
from agent.cli.options import add_config, add_speaker, whole
from agent.cli.output import warn
from agent.voice_making import CANDIDATES, keep_voices_private, load_codec
from tts import TextToSpeechError
from tts.voices.voice import NAMES, engines_of

DEFAULT_TEXT = (
    "[S1] Hello there, it is good to hear from you. I was just thinking about the weekend, and "
    "how nice a long walk by the sea would be. What do you say, shall we go together?"
)
"""About ten seconds, in which the voice states, wishes and asks."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command and its own commands."""
    parser = subparsers.add_parser("voice", help="make, hear and remove the voices of Dia2 and Dia")
    commands = parser.add_subparsers(dest="voice_command", metavar="COMMAND", required=True)
    _add_new(commands)
    _add_add(commands)

    listing = commands.add_parser("list", help="show the voices that there are")
    listing.set_defaults(run=run_list)

    playing = commands.add_parser("play", help="hear a voice")
    playing.add_argument("name", metavar="NAME", help="a voice's name, or its file")
    _add_options(playing, speaker=True)
    playing.set_defaults(run=run_play)

    removing = commands.add_parser("remove", help="delete a voice")
    removing.add_argument("name", metavar="NAME", help="the voice's name")
    removing.add_argument("--yes", action="store_true", help="do not ask")
    removing.set_defaults(run=run_remove)


def _add_new(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("new", help="let the model invent a voice")
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument(
        "--seed",
        type=whole(0),
        metavar="N",
        help="of the first candidate, the others follow (default: random); "
        "the same seed gives the same voice on the same device",
    )
    parser.add_argument(
        "--candidates",
        type=whole(1),
        default=3,
        metavar="N",
        help="voices to choose from (default: %(default)s)",
    )
    parser.add_argument(
        "--keep",
        type=whole(1),
        metavar="K",
        help="keep the K-th candidate: nothing is played or asked",
    )
    parser.add_argument("--text", default=DEFAULT_TEXT, help="what they say, 5 to 15 s long")
    parser.add_argument("--yes", action="store_true", help="replace a voice of that name")
    parser.add_argument(
        "--for",
        dest="engine",
        choices=NAMES,
        metavar="ENGINE",
        help="dia2 or dia (default: the configured engine, else dia2)",
    )
    _add_options(parser, speaker=True)
    parser.set_defaults(run=run_new)


def _add_add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("add", help="make a voice from a recording", description=CONSENT)
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument(
        "clip",
        metavar="CLIP",
        type=Path,
        help="an audio file of any kind: 3 to 20 s of one person, 5 to 10 s for Dia",
    )
    parser.add_argument(
        "--words",
        metavar="FILE",
        type=Path,
        help="what is said in it and when, as parley transcribe --json prints it "
        "(default: Whisper finds out)",
    )
    parser.add_argument(
        "--consent", action="store_true", help="the speaker has agreed: do not ask, record it"
    )
    parser.add_argument("--yes", action="store_true", help="replace a voice of that name")
    parser.add_argument(
        "--for",
        dest="engines",
        nargs="+",
        choices=NAMES,
        metavar="ENGINE",
        help="dia2, dia, or both of one recording (default: the configured engine, else dia2)",
    )
    _add_options(parser, speaker=False)
    parser.set_defaults(run=run_add)


def _add_options(parser: argparse.ArgumentParser, *, speaker: bool) -> None:
    parser.add_argument(
        "--model", metavar="MODEL", help="a model: a folder, or a repository (owner/name)"
    )
    add_config(parser, ", for its sections")
    if speaker:
        add_speaker(parser)


def run_list(_: argparse.Namespace) -> int:
    """One voice a line: name, length, words, which engines it is for, where it comes from."""
    from tts.voices import folder as voices

    keep_voices_private(warn)
    names = voices.names()
    if not names:
        print(f"no voices in {voices.folder()} yet: parley voice new, or parley voice add")
    width = max(map(len, names), default=0)
    status = 0
    for name in names:
        try:
            voice = voices.load(name, None)
            engines = ", ".join(NAMES[each] for each in engines_of(voices.find(name)))
        except TextToSpeechError as error:
            warn(str(error))
            status = 1
            continue
        source = voice.provenance.get("source", "of unknown origin")
        length = f"{voice.seconds:5.1f} s  {len(voice.words):3} words"
        print(f"{name:{width}}  {length}  {source} ({engines})")
    return status


def run_play(args: argparse.Namespace) -> int:
    """Decode a voice and play it. Raises TextToSpeechError, AudioError or ConfigError."""
    from tts.voices import folder as voices

    voice = voices.load(args.name, None)
    config = settings(args)
    codec = load_codec(args.model, config, voice.engine)
    voice.check(codec)
    print(f"{voice.name}: {voice.text}", flush=True)
    for key, value in voice.provenance.items():
        print(f"  {key}: {value}", flush=True)
    play(codec.decode(voice.codes).cpu().numpy(), codec.sample_rate, config.speaker)
    return 0


def run_remove(args: argparse.Namespace) -> int:
    """Delete a voice of the folder, and the candidates it was chosen from."""
    import shutil

    from tts.voices import folder as voices

    path = voices.path_of(args.name)
    if not path.is_file():
        voices.find(args.name)  # says which ones there are
    if not args.yes and not confirm(f"remove the voice '{args.name}'?", otherwise="--yes"):
        print("nothing removed")
        return 1
    try:
        path.unlink()
        shutil.rmtree(voices.folder() / CANDIDATES / args.name, ignore_errors=True)
    except OSError as error:
        raise TextToSpeechError(f"{path} cannot be removed: {error.strerror}") from None
    print(f"removed {args.name}")
    return 0


def run_new(args: argparse.Namespace) -> int:
    """Let the model invent a voice: see `agent.cli.commands.voice_new`."""
    from agent.cli.commands.voice_new import run

    return run(args)


def run_add(args: argparse.Namespace) -> int:
    """Make a voice from a recording: see `agent.cli.commands.voice_add`."""
    from agent.cli.commands.voice_add import run

    return run(args)
