"""When a turn ends, with real models: `python -m bench.turn_end --whisper MODEL`.

    [--smart-turn FILE] [--piper VOICE] [--tuned] [--loop CONFIG]

Whole sentences, and sentences that break off after a word, go through the real segmenter, detector
and transcriber with a real recogniser, for `words` and (`--smart-turn`) `smart_turn`. The clock is
virtual: whatever a model computes takes none of its time, and then the times of a quiet machine,
`--stt-ms` and `--model-ms`; so the load of this one matters to no figure. The sentences are those
that nothing was tuned on, unless `--tuned`; speakers are people (Debian's pocketsphinx-testdata and
asterisk-core-sounds-en-g722), flite's voices, and (`--piper`) a voice of Piper's.

Of whole sentences: how many are over within 0.35 s of their end, how many only after 1 s, and in
how many the turn ended inside, in a pause of the speaker's own. Of broken ones: how many are over
before the user would go on, after a pause of 0.5, 0.8 and 1.2 s. A hard cut has no hesitation's
melody, and a recogniser completes what it hears of the last word: pauses of people are easier.

`--loop` has a conversation in real time besides, as the file configures it, and prints the stages
between the user's last word and the agent's first: those depend on the machine, and its load.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.from_thread
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.config.load import load_config
from agent.config.sections import TurnSettings, VadSettings
from agent.events import Audio, Event, TurnLatency
from agent.graph import Graph
from agent.turns.events import SpeechEnded
from agent.turns.segmenter import TurnSegmenter
from agent.turns.smart_turn import SmartTurn
from agent.turns.transcriber import Transcriber
from bench.full_duplex.engines import InlineVad
from bench.full_duplex.voices import RATE, Float32
from bench.turn_end_clips import (
    HELD_OUT,
    TUNED,
    Sentence,
    announced,
    broken_off,
    by_flite,
    by_people,
    by_voice,
    in_a_room,
)
from stt import SpeechToText, Transcript, punctuates
from stt.whisper import Whisper
from tests.stt.whisper import tiny_whisper

BLOCK = 320
BEFORE, AFTER = 0.5, 3.0
"""Seconds of silence around what is said."""
PAUSES = (0.5, 0.8, 1.2)

Detector = Literal["words", "smart_turn"]


class Inline:
    """A recogniser and a turn model whose computing takes none of the virtual time.

    They run on a loop of their own, for which the virtual clock's waits.
    """

    def __init__(self, portal: Any, stt: SpeechToText, model: SmartTurn | None) -> None:
        self.sample_rate = stt.sample_rate
        self.punctuates = punctuates(stt)
        self.stt_s = self.model_s = 0.0
        self._portal, self._stt, self._model = portal, stt, model
        self._known: dict[bytes, Transcript] = {}

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def listen(self) -> Any:
        """One utterance."""
        yield _Recognition(self)

    async def complete(self, pcm: Float32) -> float:
        """Judge a sound."""
        assert self._model is not None
        certainty: float = self._portal.call(self._model.complete, pcm)
        await anyio.sleep(self.model_s)
        return certainty

    async def recognise(self, pcm: Float32) -> Transcript:
        """Recognise all of it."""
        key = pcm.tobytes()
        if key not in self._known:
            self._known[key] = self._portal.call(_recognise, self._stt, pcm)
        await anyio.sleep(self.stt_s)
        return self._known[key]


class _Recognition:
    def __init__(self, inline: Inline) -> None:
        self._inline = inline
        self._pcm = np.zeros(0, np.float32)
        self._finished: Transcript | None = None

    async def feed(self, pcm: Float32) -> None:
        """Hear more."""
        self._pcm = np.concatenate((self._pcm, pcm))
        self._finished = None

    async def finish(self) -> Transcript:
        """All words so far."""
        self._finished = self._finished or await self._inline.recognise(self._pcm)
        return self._finished


async def _recognise(stt: SpeechToText, pcm: Float32) -> Transcript:
    async with stt.listen() as recognition:
        await recognition.feed(pcm)
        return await recognition.finish()


@dataclass(frozen=True, slots=True)
class Ending:
    """How what was said ended.

    `after`: seconds of silence after which its turn was over; NaN if nobody was heard. `inside`:
    whether a turn was over before all was said.
    """

    after: float
    inside: bool


def ending(pcm: Float32, detector: Detector, inline: Inline, vad: InlineVad) -> Ending:
    """Say just this, and listen when its turn is over."""
    from trio.testing import MockClock

    options = {"clock": MockClock(autojump_threshold=0)}
    return anyio.run(_listen, pcm, detector, inline, vad, backend="trio", backend_options=options)


async def _listen(pcm: Float32, detector: Detector, inline: Inline, vad: InlineVad) -> Ending:
    settings = TurnSettings(detector=detector)
    model = inline if detector == "smart_turn" else None
    segmenter = TurnSegmenter(vad, VadSettings(), settings, model=model, words=True)
    transcriber = Transcriber(inline, lambda _: None, preemptive=True, judge=segmenter.read)
    began = anyio.current_time()

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        for start in range(0, len(pcm), BLOCK):
            await anyio.sleep_until(began + (start + BLOCK) / RATE)
            await send.send(Audio(pcm[start : start + BLOCK], RATE, began + start / RATE))

    inside = False
    said = began + len(pcm) / RATE - AFTER
    async with (
        Graph(microphone, name="microphone").then(segmenter).then(transcriber).open() as (_, heard),
    ):
        async for item in heard:
            if isinstance(item, SpeechEnded) and item.decided > said - 0.2:
                return Ending(item.decided - said, inside)
            inside = inside or isinstance(item, SpeechEnded)
    return Ending(AFTER if inside else float("nan"), inside)


def report(name: str, whole: Sequence[Ending], broken: Sequence[Ending]) -> None:
    """Print a line."""
    ends, cuts = (
        np.array([each.after for each in endings if not np.isnan(each.after)])
        for endings in (whole, broken)
    )
    inside = _share(np.array([each.inside for each in whole]))
    middle = f"{1000 * np.median(ends):.0f} ms" if len(ends) else "–"
    shares = "".join(f"{_share(cuts < pause):>8}" for pause in PAUSES)
    print(f"{name:22} {len(ends):6}{_share(ends <= 0.35):>9}{_share(ends > 1):>8}", end="")
    print(f"{inside:>8}{middle:>9}{len(cuts):8}{shares}", flush=True)


def _share(those: NDArray[np.bool_]) -> str:
    return f"{100 * those.mean():.0f} %" if len(those) else "–"


async def _sentences(args: argparse.Namespace) -> list[Sentence]:
    lines = TUNED if args.tuned else HELD_OUT
    sentences = list(by_flite(lines))
    if args.piper:
        from tts.piper import Piper

        voice = Piper(voice=args.piper)
        await voice.load()
        sentences += await by_voice(voice, lines)
        await voice.aclose()
    timed = Whisper(model=args.whisper, language="en", partials=False, word_times=True)
    await timed.load()
    sentences += await by_people(timed, held_out=not args.tuned)
    await timed.aclose()
    if not args.tuned:
        sentences += announced()
    return sentences


def judge_all(args: argparse.Namespace) -> None:
    """Print the table of all detectors and speakers."""
    sentences = anyio.run(_sentences, args)
    vad = InlineVad()
    anyio.run(vad.load)
    head = "".join(f"{f'{pause} s':>8}" for pause in PAUSES)
    print(f"{'':22} {'whole':>6}{'≤ 0.35 s':>9}{'> 1 s':>8}{'inside':>8}", end="")
    print(f"{'median':>9}{'broken':>8}{head}")
    with anyio.from_thread.start_blocking_portal() as portal:
        stt = Whisper(model=args.whisper, language=args.language, partials=False)
        model = SmartTurn(model=args.smart_turn) if args.smart_turn else None
        portal.call(stt.load)
        if model is not None:
            portal.call(model.load)
        inline = Inline(portal, stt, model)
        inline.stt_s, inline.model_s = args.stt_ms / 1000, args.model_ms / 1000
        detectors: list[Detector] = ["words", "smart_turn"] if model else ["words"]
        for detector in detectors:
            for who in dict.fromkeys(sentence.who for sentence in sentences):
                rng = np.random.default_rng(0)
                whole, broken = [], []
                for sentence in [s for s in sentences if s.who == who][: args.items]:
                    pcm = in_a_room(sentence.pcm, BEFORE, AFTER, rng)
                    whole.append(ending(pcm, detector, inline, vad))
                    for part in broken_off(sentence, 12 if who == "people" else 2, rng):
                        pcm = in_a_room(part, BEFORE, AFTER, rng)
                        broken.append(ending(pcm, detector, inline, vad))
                report(f"{detector}, {who}", whole, broken)


async def waterfall(file: Path, turns: int) -> None:
    """Converse in real time and print the stages' medians."""
    told: list[TurnLatency] = []

    def note(event: Event) -> None:
        if isinstance(event, TurnLatency):
            told.append(event)

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        began = anyio.current_time()
        pcm = np.concatenate([in_a_room(s.pcm, 1, 6, rng) for s in questions])
        for start in range(0, len(pcm), BLOCK):
            await anyio.sleep_until(began + (start + BLOCK) / RATE)
            await send.send(Audio(pcm[start : start + BLOCK], RATE))

    async def nowhere(_pcm: Float32, _when: float) -> None:
        """Nobody listens."""

    rng = np.random.default_rng(0)
    questions = [s for s in by_flite(HELD_OUT) if s.said.endswith("?")][:turns]
    agent = Agent(load_config(file))
    await agent.load()
    await agent.converse(microphone, PacedSpeaker(agent.tts.sample_rate, nowhere), note)
    print(f"\nthe loop, {len(told)} turns answered of {len(questions)}, p50 / max in ms")
    for stage in ("endpoint", "stt", "llm_ttft", "tts_ttfa", "playback", "total"):
        times = [ms for each in told if (ms := getattr(each, f"{stage}_ms")) is not None]
        if times:
            print(f"{stage:10} {statistics.median(times):6.0f} / {max(times):5.0f}")


def main() -> None:
    """Print the table, and the waterfall if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whisper", help="a model's name or folder (a toy, to try the bench)")
    parser.add_argument("--language", default="en", help="or auto (%(default)s)")
    parser.add_argument("--smart-turn", metavar="FILE", help="Smart-Turn v3's .onnx file")
    parser.add_argument("--piper", metavar="VOICE", help="a voice of Piper's: name or .onnx file")
    parser.add_argument("--tuned", action="store_true", help="with what was tuned on")
    parser.add_argument("--items", type=int, help="sentences of each speaker (all)")
    parser.add_argument("--stt-ms", type=float, default=150, help="of a decoding (%(default)s)")
    parser.add_argument("--model-ms", type=float, default=40, help="of Smart-Turn (%(default)s)")
    parser.add_argument("--loop", type=Path, metavar="CONFIG", help="converse by this file")
    parser.add_argument("--turns", type=int, default=8, help="of that (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not args.whisper:
            tiny_whisper.make(Path(folder))
            args.whisper = folder
        judge_all(args)
    if args.loop:
        anyio.run(waterfall, args.loop, args.turns)


if __name__ == "__main__":
    main()
