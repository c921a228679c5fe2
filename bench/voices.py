"""What voices cost a conversation: `python -m bench.voices TTS...`

    [--stt SECTION] [--llm SECTION] [--words WHISPER]

Each TTS is a section of the configuration, such as `{engine: piper, voice: en_US-joe-medium}`.
Replies come word by word, as a quick language model writes them. Printed per voice: from the end
of the first clause's text to its first sound; the seconds that a second of speech takes; and the
silences that a listener hears inside a reply because the next sound was not there yet.

With `--stt` and `--llm` that is measured beside the two: the recogniser hears two seconds of speech
as the reply begins, and the model writes all the while. With `--words` Whisper, a size or a folder,
says when the words of recordings of other replies begin, and the voice's own times are compared.
"""

import argparse
import os
import re
import statistics
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.config.engines import create_llm, create_stt, create_tts
from agent.config.load import Config, parse_config
from bench.turn_end_clips import HELD_OUT, TUNED
from llm_adapters import LanguageModel, Message
from stt import SpeechToText
from stt.whisper import Whisper
from tts import SpokenWord, TextToSpeech
from tts.clauses import ClauseSplitter

REPLIES = (
    "Certainly, I can help you with that. The train to the coast leaves at seven in the morning, "
    "and it arrives shortly before noon. Would you like me to book a seat for you?",
    "That is a good question. Most people water their plants twice a week, but in summer they need "
    "more; look at the leaves, and you will see what they want.",
    "Yes, of course. Your meeting with the doctor is on Thursday afternoon, and there is a "
    "reminder for it. Shall I tell your brother, too?",
    "Well, it depends. If the weather stays dry you could walk along the river to the old bridge, "
    "have lunch in the village, and come back by bus. It takes about four hours.",
)
SENTENCES = 4
"""Of a reply whose words' times are compared."""
Others = tuple[SpeechToText | None, LanguageModel | None]
"""What runs beside the voice."""
WORD = 0.025
"""Seconds for each word of the text."""
PREBUFFER = 0.08
"""Seconds of sound that are gathered before a reply is played (`speaker.prebuffer`)."""
HEARD = 2.0
"""Seconds of speech that the recogniser hears."""


@dataclass
class Reply:
    """One reply: when its text and its sound came, and the words with the voice's own times."""

    rate: int
    asked: float = 0.0
    arrivals: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    words: list[SpokenWord] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Milliseconds to its first sound."""
        return 1e3 * (self.arrivals[0][0] - self.asked)

    @property
    def pcm(self) -> NDArray[np.float32]:
        """All of it."""
        return np.concatenate([pcm for _, pcm in self.arrivals])

    @property
    def factor(self) -> float:
        """Seconds for a second of speech, from the first clause's text to the last sound."""
        return (self.arrivals[-1][0] - self.asked) * self.rate / len(self.pcm)

    @property
    def gaps(self) -> list[float]:
        """The milliseconds of silence wherever the sound was not there in time."""
        gaps, end = [], self.arrivals[0][0] + PREBUFFER
        for at, pcm in self.arrivals:
            if at > end:
                gaps.append(1e3 * (at - end))
                end = at
            end += len(pcm) / self.rate
        return gaps


def told() -> list[str]:
    """Replies whose words' times are compared: everyday sentences, some at a time."""
    lines = [line.replace(" |", "") for line in (*TUNED, *HELD_OUT)]
    plain = [line for line in lines if not re.search(r"\d", line)]  # written as they are said
    return [" ".join(plain[n : n + SENTENCES]) for n in range(0, len(plain), SENTENCES)]


async def speak(tts: TextToSpeech, text: str) -> Reply:
    """Have a reply spoken while its text is written."""
    reply, splitter = Reply(tts.sample_rate), ClauseSplitter()
    async with tts.open() as utterance, anyio.create_task_group() as tasks:

        async def write() -> None:
            for word in text.split():
                await anyio.sleep(WORD)
                if splitter.feed(word + " ") and not reply.asked:
                    reply.asked = anyio.current_time()
                await utterance.feed(word + " ")
            await utterance.finish()

        tasks.start_soon(write)
        async for speech in utterance:
            if len(speech.pcm):
                reply.arrivals.append((anyio.current_time(), speech.pcm))
            reply.words += speech.words
    return reply


@asynccontextmanager
async def beside(
    stt: SpeechToText | None, llm: LanguageModel | None, heard: NDArray[np.float32]
) -> AsyncGenerator[None]:
    """Have the recogniser hear what was said, and the model write, while the block runs."""

    async def hear(stt: SpeechToText) -> None:
        async with stt.listen() as recognition:
            await recognition.feed(heard)
            await recognition.finish()

    async def write(llm: LanguageModel) -> None:
        while True:
            async for _ in llm.reply([Message("user", "Tell me a long story about the sea.")]):
                pass

    async with anyio.create_task_group() as tasks:
        if stt is not None:
            tasks.start_soon(hear, stt)
        if llm is not None:
            tasks.start_soon(write, llm)
            await anyio.sleep(0.5)  # it has begun to write
        yield
        tasks.cancel_scope.cancel()


async def differences(whisper: Whisper, reply: Reply) -> list[float]:
    """By how many milliseconds each word begins later than Whisper hears it in the recording."""
    async with whisper.listen() as recognition:
        await recognition.feed(resample(reply.pcm, reply.rate, whisper.sample_rate))
        heard = (await recognition.finish()).words
    ours, theirs = (
        ["".join(filter(str.isalnum, word.text)).casefold() for word in words]
        for words in (reply.words, heard)
    )
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    return [
        1e3 * (reply.words[i + k].start / reply.rate - heard[j + k].start)
        for i, j, size in matcher.get_matching_blocks()
        for k in range(size)
    ]


async def measure(tts: TextToSpeech, others: Others, whisper: Whisper | None, rounds: int) -> str:
    """Measure a voice: a row of the table, but for its name."""
    await tts.load()
    try:
        warm = await speak(tts, REPLIES[0])
        heard = resample(warm.pcm, warm.rate, 16000)[: round(HEARD * 16000)]
        replies = []
        for text in REPLIES * rounds:
            async with beside(*others, heard):
                replies.append(await speak(tts, text))
        late = []
        if whisper is not None:
            for text in told():
                late += await differences(whisper, await speak(tts, text))
    finally:
        await tts.aclose()
    first = sorted(reply.first for reply in replies)
    gaps = [gap for reply in replies for gap in reply.gaps]
    off = f"{statistics.median(map(abs, late)):.0f} ms ({len(late)})" if late else "–"
    return (
        f"| {statistics.median(first):.0f} ms | {first[-1]:.0f} ms "
        f"| {statistics.median(reply.factor for reply in replies):.2f} "
        f"| {len(gaps)} | {max(gaps, default=0):.0f} ms | {off} |"
    )


async def run(args: argparse.Namespace) -> None:
    """Measure all, and print the table."""
    sections = [_config("tts", each) for each in args.tts]
    stt = create_stt(_config("stt", args.stt).stt) if args.stt else None
    llm = create_llm(_config("llm", args.llm).llm) if args.llm else None
    whisper = Whisper(model=args.words, word_times=True) if args.words else None
    loaded = [each for each in (stt, llm, whisper) if each is not None]
    for each in loaded:
        await each.load()
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} processors, load {load:.1f} before; {len(REPLIES) * args.rounds} replies"
    )
    print("| voice | first sound p50 | worst | s per s | gaps | longest | words off by |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    try:
        for config in sections:
            row = await measure(create_tts(config.tts), (stt, llm), whisper, args.rounds)
            print(f"| {config.tts.engine_name} {row}", flush=True)
    finally:
        for each in loaded:
            await each.aclose()


def _config(section: str, text: str) -> Config:
    return parse_config(f"{section}: {text}".encode(), f"--{section}")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("tts", nargs="+", help="a section `tts`, as YAML")
    parser.add_argument("--stt", help="a recogniser beside it, a section as YAML")
    parser.add_argument("--llm", help="a language model beside it, a section as YAML")
    parser.add_argument("--words", metavar="WHISPER", help="whose word times are compared")
    parser.add_argument("--rounds", type=int, default=2, help="how often each reply is spoken")
    anyio.run(run, parser.parse_args(argv))


if __name__ == "__main__":
    main()
