"""Real words through the whole path: the tiny Whisper, `parley transcribe`, flite's voices.

The renderings are new (other voices, speeds and pitches than in training); the recombined
sentences were never trained, and nothing was chosen by how they came out.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import anyio
import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from agent.cli.commands import transcribe
from stt.vad import VoiceActivity
from stt.whisper.decoder import Decoder
from stt.whisper.engine import Whisper
from tests.assets.corpus import TRAINED, edits, recombined
from tests.assets.listening import SOUNDS, no_speech, with_noise
from tests.assets.speech import SAMPLE_RATE, Speech, render, render_all
from tests.paths import ASSETS, AUDIO

pytestmark = pytest.mark.anyio

once = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""What is about the model takes seconds, and is tried on one backend."""

MODEL = ASSETS / "tiny_whisper"
SEED = 3


def heard(speech: Speech, snr: float | None = None) -> NDArray[np.float32]:
    """As a microphone brings it."""
    pcm = speech.pcm.astype(np.float32) / np.float32(32768)
    random = np.random.default_rng(len(pcm))
    return pcm if snr is None else with_noise(pcm, snr, random)


def transcribe_files(
    folder: Path, sounds: list[NDArray[np.float32]], capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What `parley transcribe --json` makes of each."""
    paths = [folder / f"{number}.wav" for number in range(len(sounds))]
    for path, pcm in zip(paths, sounds, strict=True):
        with WavWriter(path, SAMPLE_RATE) as file:
            file.write(pcm)
    config = folder / "agent.yaml"
    config.write_text(f"stt: {{engine: whisper, model: {MODEL}, device: cpu}}")
    parser = argparse.ArgumentParser()
    transcribe.add(parser.add_subparsers())
    args = parser.parse_args(["transcribe", "--json", "--config", str(config), *map(str, paths)])
    assert args.run(args) == 0
    return [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("name", "snr", "bar"), [("trained", None, 0.01), ("recombined", 20, 0.04)]
)
@pytest.mark.long
def test_word_error_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, snr: float | None, bar: float
) -> None:
    texts = TRAINED[::4] if name == "trained" else recombined("test") * 4
    speeches = render_all(texts, SEED)
    texts_heard = transcribe_files(tmp_path, [heard(speech, snr) for speech in speeches], capsys)
    pairs = [(s.text.split(), t.split()) for s, t in zip(speeches, texts_heard, strict=True)]
    wrong = sum(edits(said, got) for said, got in pairs)
    assert wrong / sum(len(said) for said, _ in pairs) <= bar, [p for p in pairs if p[0] != p[1]]


@once
async def test_what_is_no_speech_gives_no_text() -> None:
    """119 sounds: silence, noise of all colours, fans, tones, chords, keys and breath."""
    random = np.random.default_rng(9)
    engine = Whisper(model=str(MODEL), device="cpu", partials=False)
    await engine.load()
    for kind in SOUNDS * 17:
        pcm = no_speech(random, random.uniform(0.5, 4), kind)
        async with engine.listen() as recognition:
            await recognition.feed(pcm)
            assert (await recognition.finish()).text == "", kind


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    return WhisperModel(str(MODEL), device="cpu", compute_type="int8", cpu_threads=2)


def test_the_model_itself_hears_no_words_in_noise(model: WhisperModel) -> None:
    """Without the voice detector in front of it."""
    random = np.random.default_rng(10)
    decoder = Decoder(model)
    texts = [
        hypothesis.text
        for kind in SOUNDS * 3
        for hypothesis in decoder.decode(no_speech(random, random.uniform(0.5, 4), kind), "en")
    ]
    assert texts == []


SAID = {
    "question_capital": "what is the capital of france",
    "question_weather": "please tell me a story about the weather in london today",
    "command_lights": "turn on the lights in the kitchen and play some music",
    "command_timer": "set a timer for ten minutes",
    "greeting": "how are you today",
    "interruption_question": "wait what time is it",
    "interruption_stop": "stop that is enough",
    "pause_0.4": "i would like to order a large pizza with mushrooms",
    "pause_0.8": "i would like to order a large pizza with mushrooms",
    "pause_1.2": "i would like to order a large pizza with mushrooms",
    "long_request": "i am going to the market this afternoon and i would like you to help me "
    "write a short list of the things that we need for dinner",
}


@once
@pytest.mark.parametrize("trim", ["auto", "off"])
@pytest.mark.long
async def test_known_clips_trimmed_and_padded(trim: str) -> None:
    engine = Whisper(model=str(MODEL), device="cpu", trim_encoder=trim, partials=False)  # type: ignore[arg-type]  # either
    await engine.load()
    for clip, text in SAID.items():
        pcm, _ = read_audio(AUDIO / f"{clip}.wav")
        async with engine.listen() as recognition:
            await recognition.feed(pcm)
            transcript = await recognition.finish()
        assert transcript.text == text
        assert transcript.language == "en"
        assert transcript.confidence is not None
        assert transcript.confidence > 0.5


@pytest.mark.long
def test_word_times_are_where_the_words_are(model: WhisperModel) -> None:
    decoder = Decoder(model, word_times=True)
    off = []
    for speech in render_all(TRAINED[::16], SEED):
        (hypothesis,) = decoder.decode(heard(speech), "en")
        if hypothesis.text != speech.text:
            continue
        for word, (start, _) in zip(hypothesis.words, speech.words, strict=True):
            off.append(abs(word.start - start))
    assert len(off) > 50
    assert np.median(off) < 0.1
    assert np.quantile(off, 0.9) < 0.4


async def test_partials_grow_into_the_final_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fed as fast as it decodes."""
    monkeypatch.setattr("stt.whisper.recognition.interval", lambda _: 0.5)  # on any machine
    engine = Whisper(model=str(MODEL), device="cpu")
    await engine.load()
    pcm, _ = read_audio(AUDIO / "long_request.wav")
    shown: list[str] = []
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), 4000):
            partial = await recognition.feed(pcm[start : start + 4000])
            shown += [partial.text] if partial else []
            await anyio.wait_all_tasks_blocked()
            while not engine._decoding.idle:
                await anyio.wait_all_tasks_blocked()
        final = (await recognition.finish()).text
    assert len(shown) >= 4
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
    assert final == SAID["long_request"]


def test_a_short_answer_has_voice_enough() -> None:
    for word in ("yes", "okay", "right"):
        voice = VoiceActivity()
        voice.process(heard(render(word, "rms")))
        assert voice.voiced_seconds >= 0.25
