"""Clips for `bench.turn_end`: whole sentences, and sentences that break off after a word.

A bar stands wherever a sentence could also end; cut after any other word it is unfinished. Rules
and weights were made with `TUNED`; nobody has looked at `HELD_OUT` while making them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.audio.resample import Resampler
from agent.audio.wav import read_audio
from bench.full_duplex.voices import RATE, VOICES, Float32, speak
from stt import SpeechToText, Word
from tests.real.clips import SAMPLE_RATE, announcements
from tts import TextToSpeech

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
"""People who read: Debian's package pocketsphinx-testdata."""

LEVEL, NOISE = -26.0, -62.0
"""Of the voice and of the room, in dBFS."""

TUNED = """
I did not | ask for that.
Thank you | for that.
I don't want to.
I need someone | to talk to.
That's what I was looking for.
There is nothing | to worry about.
I don't know | what to say.
Tell me | what you think.
I was born in 1984.
My number is 5551234.
Set a timer for 10.
The answer is no.
What should I cook | for dinner | tonight?
Could you read me | the news | from this morning?
My brother is getting married | in May.
I forgot | what I was going to say.
How many people live | in Norway?
I need to cancel | my appointment | on Friday.
The doctor told me | that I should drink | more water.
I am looking | for a new job.
What is she waiting for?
I have never been there | before.
The bus leaves | in 15 minutes.
I will think | about it.
Who did you give it to?
Nobody knows | what it is.
She moved | to Canada | in 2012.
Please turn the heating off.
It is exactly | what I wanted.
Do you have anything cheaper | than that?
I bought a new lamp | for the living room.
Can you find me | a recipe | for onion soup?
We are out of bread.
I cannot hear you.
My doctor is on holiday | until Monday.
Is the museum open | on Sundays?
I would like to know | how it works.
Put some olives | on the list.
The train was late | again.
Where can I park | my car?
There was nobody | at home.
I had no time | to eat.
Could you speak | a little louder?
It takes 20 minutes | by bike.
I think | she is right.
What do penguins eat?
He plays the piano | very well.
The password is 4711.
We should call | her parents | first.
How far is the moon | from the earth?
Let us talk | about something else.
That is all | I can say | about this.
What did you do with it?
The keys are on the table | in the hall.
My sister has been a teacher | since 2009.
Could you turn it down | a bit?
I have already paid | for this.
Why is the water so cold?
We are leaving | at half past six.
There is no milk left.
I would rather stay | at home | tonight.
Who is she talking to?
He is older | than me.
It was not very good.
Remind me | to call the bank | in the morning.
I am not sure | what I want.
The flight number is 408.
Tell her | that I said hello.
What is that noise | from downstairs?
They have known each other | for years.
Add two lemons | to my shopping list.
I think so | too.
Is this the right way | to the harbour?
You can leave the door | open.
Nothing works | any more.
Set the temperature | to 21.
My cousin lives | above a bakery.
How many are there?
I forgot | to bring it.
The museum was closed | when we got there.
Do you know | where my glasses are?
That sounds | about right.
She does not eat meat.
Let me think | about that.
""".strip().splitlines()

HELD_OUT = """
Where did you leave the ladder?
The soup needs | a little more salt.
I have never liked | this song.
Please wake me | at twenty past six.
Our neighbours have three dogs.
How do I get | to the post office?
The meeting has been moved | to Tuesday.
My room is | on the fourth floor.
Is it going to rain | this afternoon?
She asked me | if I was tired.
You were right | about the colour.
The new printer does not work.
Whose bag is this?
I will call you back | in an hour.
Can you tell me | how old the church is?
They sold their house | last summer.
Which train goes | to the airport?
I think we took | the wrong turn.
Read me the second paragraph.
There were about 50 people | at the party.
He forgot | his umbrella | again.
Dim the lamp | next to the sofa.
What happened | to the old bakery?
We need more chairs.
Our room number is 37.
Nobody told me | about it.
The eggs are in the basket.
Why are you laughing?
I bought it | in a small shop | near the station.
Let me know | when you are ready.
My parents were married | in 1975.
That was the best film | I have seen | this year.
Send a message | to my teacher.
The lift is broken | again.
Who painted that picture?
I would like two tickets | for tomorrow.
""".strip().splitlines()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Somebody says something: `said` by `who`, with the words after which it is unfinished."""

    who: str
    said: str
    pcm: Float32
    breaks: tuple[float, ...]
    """Ends of those words, in seconds."""


def breaks(text: str, words: tuple[Word, ...]) -> tuple[float, ...]:
    """Where it may break off: after two words at least, not where it could end."""
    tokens = text.split()
    spoken = [n for n, token in enumerate(tokens) if token != "|"]
    if len(spoken) != len(words):
        return ()  # it was understood otherwise
    inner = [n for n in range(1, len(spoken) - 1) if tokens[spoken[n] + 1] != "|"]
    return tuple(words[n].end for n in inner)


def by_flite(lines: list[str]) -> Iterator[Sentence]:
    """Have flite's voices say it in turns, which tell when each phone ends."""
    for number, line in enumerate(lines):
        plain = line.replace(" |", "")
        clip = speak(plain, VOICES[number % len(VOICES)], level=LEVEL)
        yield Sentence("flite", plain, clip.pcm, breaks(line, clip.words))


async def by_voice(tts: TextToSpeech, lines: list[str]) -> list[Sentence]:
    """Have a voice of Parley's say it, which tells when each word begins."""
    sentences = []
    for line in lines:
        plain = line.replace(" |", "")
        pieces: list[Float32] = []
        starts: list[int] = []
        async with tts.open() as utterance:
            await utterance.feed(plain)
            await utterance.finish()
            async for speech in utterance:
                heard = sum(map(len, pieces))
                starts += [heard + word.start for word in speech.words]
                pieces.append(speech.pcm)
        rate = tts.sample_rate
        ends = [*starts[1:], sum(map(len, pieces))]
        words = tuple(
            Word("", start / rate, end / rate) for start, end in zip(starts, ends, strict=True)
        )
        pcm = _levelled(np.concatenate(pieces), rate)
        sentences.append(Sentence("piper", plain, _trimmed(pcm), breaks(line, words)))
    return sentences


async def by_people(stt: SpeechToText, *, held_out: bool) -> list[Sentence]:
    """Read what people read, half of it; `stt` tells when each word ends."""
    sentences = []
    for number, line in enumerate(_transcription()):
        found = re.fullmatch(r"<s> (.*) </s> \((.*)\)", line)
        if found is None or bool(number % 2) != held_out:
            continue
        pcm = _levelled(*read_audio(LIBRIVOX / f"{found[2]}.wav"))
        async with stt.listen() as recognition:
            await recognition.feed(pcm)
            words = (await recognition.finish()).words
        inner = tuple(word.end for word in words[1:-1])  # read without a pause: it ends nowhere
        sentences.append(Sentence("people", found[1], _trimmed(pcm), inner))
    return sentences


def announced() -> list[Sentence]:
    """Single sentences of a telephone exchange, by a person who pauses in some. Raises KitError."""
    return [
        Sentence("people", clip.text, _trimmed(_levelled(clip.pcm, SAMPLE_RATE)), ())
        for clip in announcements()
        if len(re.findall(r"[.?!](?: |$)", clip.text)) == 1
    ]


def _transcription() -> list[str]:
    file = LIBRIVOX / "transcription"
    return file.read_text().splitlines() if file.is_file() else []


def broken_off(sentence: Sentence, each: int, rng: np.random.Generator) -> Iterator[Float32]:
    """Cut it after `each` of the words where it may break off, at the softest place near by."""
    chosen = rng.permutation(len(sentence.breaks))[:each]
    for end in sorted(sentence.breaks[n] for n in chosen):
        near = range(round((end - 0.06) * RATE), round((end + 0.06) * RATE), RATE // 200)
        inside = [at for at in near if RATE // 4 < at < len(sentence.pcm) - RATE // 50]
        if inside:
            at = min(inside, key=lambda n: float(np.square(sentence.pcm[n - 160 : n + 160]).sum()))
            pcm = sentence.pcm[:at].copy()
            pcm[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
            yield pcm


def in_a_room(pcm: Float32, before: float, after: float, rng: np.random.Generator) -> Float32:
    """Put a soft noise under it, and seconds of that before and after."""
    padded = np.pad(pcm, (round(before * RATE), round(after * RATE)))
    noise = rng.normal(0, 10 ** (NOISE / 20), len(padded))
    return (padded + noise).astype(np.float32)


def _levelled(pcm: Float32, rate: int) -> Float32:
    resampler = Resampler(rate, RATE, "light")
    at_rate = np.concatenate((resampler.process(pcm), resampler.flush()))
    levelled: Float32 = at_rate * 10 ** (LEVEL / 20) / np.sqrt(np.square(at_rate).mean())
    return levelled.astype(np.float32)


def _trimmed(pcm: Float32) -> Float32:
    """Without the silence after it, so that its end is the speech's."""
    frames = np.square(pcm[: len(pcm) // 160 * 160]).reshape(-1, 160).mean(axis=1)
    return pcm[: (int(np.flatnonzero(frames > frames.max() * 5e-4)[-1]) + 1) * 160]
