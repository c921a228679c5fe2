"""What a wake word's model is trained with: calls in many surroundings, and everything else.

All voices are those that are `tuned`, and more of espeak's: the bench's own are not heard.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pyopen_wakeword
import soxr
from numpy.typing import NDArray

from bench.full_duplex.sounds import Rng
from bench.full_duplex.voices import RATE, Float32
from bench.wake.day import day
from bench.wake.rooms import NOISES, NORMAL, at_level, far, over, white
from bench.wake.texts import NEAR, sentences
from bench.wake.voices import Voice, by_espeak, voices

SIZE, FEATURES, STEP = 16, 96, 1280
"""Embeddings that a model hears at a time, numbers in one, and samples from one to the next."""

SPEEDS = (0.75, 0.85, 0.95, 1.05, 1.15, 1.25)
PITCHES = (0.86, 0.93, 1.0, 1.0, 1.08, 1.16)
TIMES = {"espeak": 1, "flite": 3, "Kokoro": 20}
"""How often a voice calls at each speed: of the natural ones there are few."""

SURE = (0.0, 0.3)
"""Seconds after the end of a call at which a model should be sure; 0.25 s before it, it is not."""

MORE = (
    *(f"en-us+{name}" for name in ("m2", "m5", "m6", "m8", "f4", "f5", "Andrea", "Gene", "Jacky")),
    *(f"en-us+{name}" for name in ("Lee", "Mario", "Michael", "adam", "anika", "aunty", "belinda")),
    *(f"en-us+{name}" for name in ("benjamin", "boris", "david", "ed", "edward", "grandma")),
    *(f"en-us+{name}" for name in ("grandpa", "iven", "john", "linda", "max", "michel", "miguel")),
    *(f"en-us+{name}" for name in ("mike2", "pablo", "paul", "quincy", "rob", "robert", "sandro")),
    *(f"en-us+{name}" for name in ("shelby", "steph", "travis", "victor", "zac", "klatt")),
    *(f"en-us+{name}" for name in ("klatt3", "klatt4")),
    *(f"en-gb+{name}" for name in ("f2", "m1", "m7", "Alicia", "linda", "adam", "steph", "paul")),
    *("en-gb-x-rp+m7", "en-gb-scotland+m1", "en-gb-x-gbclan+f2", "en-029+m1", "en-gb-x-gbcwmd+m7"),
)
"""Voices of espeak's, for training only."""

Windows = NDArray[np.float32]


class Listener:
    """openWakeWord's features of clips."""

    def __init__(self) -> None:
        self._features = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()

    def windows(self, pcm: Float32) -> tuple[NDArray[np.int64], Windows]:
        """The samples after which a model hears something, and what: float32 [n, 16, 96]."""
        self._features.reset()
        self._features.new_audio_samples = 0
        samples = np.clip(pcm * 32768, -32768, 32767).astype(np.int16)
        ends, rows = [0] * 0, [np.zeros((0, FEATURES), np.float32)]
        for end in range(STEP, len(samples) + 1, STEP):
            for new in self._features.process_streaming(samples[end - STEP : end].tobytes()):
                rows.append(new.reshape(-1, FEATURES))
                ends += [end] * len(rows[-1])
        heard = np.concatenate(rows)
        if len(heard) < SIZE:
            return np.zeros(0, np.int64), np.zeros((0, SIZE, FEATURES), np.float32)
        slid = np.lib.stride_tricks.sliding_window_view(heard, SIZE, axis=0)
        return np.array(ends[SIZE - 1 :]), slid.transpose(0, 2, 1).astype(np.float32)


def examples(phrase: str, hours: float) -> tuple[Windows, Windows]:
    """Windows in which the phrase was just said, and those in which it was not."""
    listener, rng = Listener(), np.random.default_rng(3)
    texts = sentences(rng, tuned=True)
    called: list[Windows] = []
    others: list[Windows] = []
    everybody = [*voices(tuned=True), *map(by_espeak, MORE)]
    quick = [voice for voice in everybody if voice.family != "Kokoro"]
    more = partial(_somebody, quick, texts, rng)
    for voice in everybody:
        for speed in SPEEDS if voice in quick else (0.85, 1.0, 1.15):
            for _ in range(TIMES[voice.family]):
                pcm, end = surrounded(_pitched(voice.say(phrase, speed), rng), more, rng)
                ends, windows = listener.windows(pcm)
                after = (ends - end) / RATE
                called.append(windows[(after >= SURE[0]) & (after <= SURE[1])])
                others.append(windows[after < -0.25])
    hard = near(phrase)
    for voice in quick:
        for n in rng.permutation(len(hard))[:12]:
            pcm, _ = surrounded(_pitched(voice.say(hard[n]), rng), more, rng)
            others.append(listener.windows(pcm)[1])
    others += [listener.windows(pcm)[1] for _, pcm in day(hours, tuned=True)]
    return np.concatenate(called), np.concatenate(others)


def near(phrase: str) -> list[str]:
    """What sounds nearly like it, its words by themselves, and what begins as it does."""
    first, *_, last = words = phrase.split()
    begun = (f"{first} there", f"{first} you", f"a {last}", f"{last} talk", f"{first} {last[:3]}")
    return [*NEAR.get(phrase, ())[::2], *words, *begun]


def surrounded(call: Float32, more: Callable[[], Float32], rng: Rng) -> tuple[Float32, int]:
    """A call somewhere: in silence or after other words, with a pause or not; where it ends."""
    before = np.zeros(round(rng.uniform(1.35, 1.5) * RATE), np.float32)
    after = np.zeros(RATE // 2, np.float32)
    if rng.random() < 0.5:
        pause = round(rng.uniform(0, 0.12) * RATE)
        after[pause:] = _exactly(more(), len(after) - pause)
    if rng.random() < 0.25:
        pause = round(rng.uniform(0.1, 0.5) * RATE)
        before[:-pause] = _exactly(more()[::-1], len(before) - pause)[::-1]
    pcm = np.concatenate((before, at_level(call, NORMAL), after))
    if rng.random() < 0.3:
        pcm = far(pcm, rng, rng.uniform(0.15, 0.6))
    pcm = pcm * np.float32(10 ** ((rng.uniform(-42, -14) - NORMAL) / 20))
    pcm += _exactly(white(len(pcm) / RATE + 0.01, rng), len(pcm)) * np.float32(
        10 ** (rng.uniform(-75, -55) / 20)
    )
    if rng.random() < 0.5:
        make = list(NOISES.values())[rng.integers(len(NOISES))]
        pcm = over(pcm, make(len(pcm) / RATE + 0.01, rng), rng.uniform(4, 20))
    return pcm, len(before) + len(call)


def _somebody(speakers: list[Voice], texts: Iterator[str], rng: Rng) -> Float32:
    return at_level(speakers[rng.integers(len(speakers))].say(next(texts)), NORMAL)


def _pitched(pcm: Float32, rng: Rng) -> Float32:
    pitched: Float32 = soxr.resample(pcm, RATE * rng.choice(PITCHES), RATE)
    return pitched


def _exactly(pcm: Float32, size: int) -> Float32:
    return np.pad(pcm[:size], (0, max(0, size - len(pcm))))
