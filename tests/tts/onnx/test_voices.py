"""The engines `piper` and `kokoro`, on voices whose sound shows which phoneme is said when."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from agent.config.load import load_config
from tests.tts.onnx.toys import ALPHABET, HOP, LEVEL, make_kokoro, make_piper
from tts.espeak.library import load_library
from tts.espeak.phonemes import phonemise
from tts.kokoro import Kokoro
from tts.piper import Piper
from tts.protocol import TextToSpeech, TextToSpeechError

pytestmark = pytest.mark.anyio

TEXT = ["The end ", "of the wor", "ld is near, and it is late. Is", " it?"]


def piper(folder: Path) -> TextToSpeech:
    return Piper(voice=str(make_piper(folder)))


def kokoro(folder: Path) -> TextToSpeech:
    return Kokoro(model=str(make_kokoro(folder, {"am_toy": 1.0})), voice="am_toy")


MAKERS = [piper, kokoro]


@pytest.mark.parametrize("make", MAKERS)
async def test_words_begin_with_the_space_before_their_phonemes(
    tmp_path: Path, speak: Any, make: Callable[[Path], TextToSpeech]
) -> None:
    engine = make(tmp_path)
    await engine.load()
    spoken = await speak(engine, TEXT)
    assert spoken.text == "The end of the world is near, and it is late. Is it?"
    assert len(spoken.pieces) == 3, "a piece for each clause"
    spoken.check_word_times()
    assert spoken.pcm.dtype == np.float32
    assert 0.1 < np.abs(spoken.pcm).max() <= 1
    edge = 2 if make is piper else 0  # how far a toy's loudness lies below the number
    clauses, before = ["The end of the world is near,", "and it is late.", "Is it?"], 0
    for clause, piece in zip(clauses, spoken.pieces, strict=True):
        phonemes = phonemise(load_library(), clause, "en-us")
        for word, (_, index) in zip(piece.words, phonemes.words, strict=True):
            sound = abs(piece.pcm[word.start - before + HOP // 2])
            first = phonemes.text[index - 1] if index else ""
            begins = first if first == " " else phonemes.text[index]
            assert round(sound * LEVEL) + edge == ALPHABET.index(begins), word
        before += len(piece.pcm)


@pytest.mark.parametrize("make", MAKERS)
async def test_silence_around_a_clause_is_a_pause_by_its_mark(
    tmp_path: Path, speak: Any, make: Callable[[Path], TextToSpeech]
) -> None:
    engine = make(tmp_path)
    await engine.load()
    for mark, pause in ((",", 0.12), (".", 0.3), ("", 0.0)):
        pcm = (await speak(engine, ["one" + mark])).pcm
        assert np.flatnonzero(pcm)[0] <= 0.021 * engine.sample_rate
        silent = len(pcm) - 1 - np.flatnonzero(pcm)[-1]
        assert silent == pytest.approx(pause * engine.sample_rate, abs=0.021 * engine.sample_rate)


@pytest.mark.parametrize("make", MAKERS)
async def test_what_has_no_sound_is_silent(
    tmp_path: Path, make: Callable[[Path], TextToSpeech]
) -> None:
    engine = make(tmp_path)
    await engine.load()
    async with engine.open() as utterance:
        await utterance.feed("( ) \n \n")
        await utterance.finish()
        assert [piece async for piece in utterance] == []


@pytest.mark.parametrize("make", MAKERS)
async def test_a_clause_of_very_many_phonemes(
    tmp_path: Path, speak: Any, make: Callable[[Path], TextToSpeech]
) -> None:
    """Digits are words: 290 of them have some 1,400 phonemes, and Kokoro has 510 positions."""
    engine = make(tmp_path)
    await engine.load()
    spoken = await speak(engine, [" ".join("7" * 145)])
    assert len(spoken.words) == 145
    spoken.check_word_times()


@pytest.mark.parametrize("make", MAKERS)
async def test_before_load(tmp_path: Path, make: Callable[[Path], TextToSpeech]) -> None:
    with pytest.raises(TextToSpeechError, match=r"call load\(\) first"):
        make(tmp_path).open()


async def test_leaving_stops_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime is told to end the run; the thread is free as soon as it does."""
    engine = Piper(voice=str(make_piper(tmp_path)))
    await engine.load()
    terminated, running = threading.Event(), anyio.Event()

    def run(_outputs: object, _inputs: object, options: Any) -> None:
        anyio.from_thread.run_sync(running.set)
        while not options.terminate:
            pass
        terminated.set()
        raise RuntimeError("terminated")

    session = engine._loaded.session  # type: ignore[union-attr]
    monkeypatch.setattr(session, "_session", type("Session", (), {"run": staticmethod(run)}))
    with anyio.fail_after(5):
        async with engine.open() as utterance:
            await utterance.feed("Hello.")
            await utterance.finish()
            await running.wait()
    assert await anyio.to_thread.run_sync(terminated.wait, 5)


async def test_piper_speed(tmp_path: Path, speak: Any) -> None:
    voice = str(make_piper(tmp_path))
    lengths = []
    for speed in (0.5, 1.0, 2.0):
        engine = Piper(voice=voice, speed=speed)
        await engine.load()
        lengths.append(len((await speak(engine, ["one two three"])).pcm))
    assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.05)
    assert lengths[1] / lengths[2] == pytest.approx(2, rel=0.05)


async def test_piper_speakers(tmp_path: Path) -> None:
    voice = str(make_piper(tmp_path, speakers=("ann", "bob")))
    for speaker, number in (("bob", 1), ("1", 1), ("0", 0), (None, 0)):
        engine = Piper(voice=voice, speaker=speaker)
        await engine.load()
        assert engine._loaded is not None
        assert engine._loaded.speaker == number
    for speaker in ("eve", "2", "-1", "①"):
        with pytest.raises(TextToSpeechError, match=f"no speaker '{speaker}': ann, bob"):
            await Piper(voice=voice, speaker=speaker).load()


async def test_kokoro_blends(tmp_path: Path, speak: Any) -> None:
    """The toy's loudness is its style: three parts of 1 and one of 0.2 are 0.8."""
    folder = make_kokoro(tmp_path, {"af_loud": 1.0, "bm_soft": 0.2})
    levels = {}
    for voice in ("af_loud", "bm_soft", "af_loud:3+bm_soft", "af_loud + bm_soft"):
        engine = Kokoro(model=str(folder), voice=voice, language="en-us")
        await engine.load()
        levels[voice] = np.abs((await speak(engine, ["one"])).pcm).max()
    whole = levels["af_loud"]
    assert [round(float(level / whole), 3) for level in levels.values()] == [1, 0.2, 0.8, 0.6]


async def test_kokoro_speaks_the_language_of_its_voice(tmp_path: Path) -> None:
    folder = make_kokoro(tmp_path, {"af_bella": 1.0, "bf_emma": 1.0, "ef_dora": 1.0, "xf_new": 1.0})
    for voice, language, expected in (
        ("af_bella", None, "en-us"),
        ("bf_emma", None, "en-gb"),
        ("ef_dora", None, "es"),
        ("bf_emma", "de", "de"),
        ("xf_new", "pl", "pl"),
    ):
        engine = Kokoro(model=str(folder), voice=voice, language=language)
        await engine.load()
        assert engine._loaded is not None
        assert engine._loaded.language == expected
    with pytest.raises(TextToSpeechError, match=r"unknown language: set tts\.language"):
        await Kokoro(model=str(folder), voice="xf_new").load()


async def test_kokoro_reads_english_as_it_was_trained(tmp_path: Path) -> None:
    engine = Kokoro(model=str(make_kokoro(tmp_path, {"af_x": 1.0})), voice="af_x")
    await engine.load()
    assert engine._loaded is not None
    phonemes = phonemise(load_library(), "I joke, brother", "en-us")
    assert phonemes.text == "aɪ dʒˈoʊk, bɹˈʌðɚ"
    encoded = engine._loaded.encode(phonemes)
    tokens = encoded.inputs["input_ids"][0].tolist()
    assert "".join(ALPHABET[number] for number in tokens[1:-1]) == "I ʤˈOk, bɹˈʌðəɹ"
    assert tokens[0] == tokens[-1] == 0
    starts = [tokens[encoded.places[at]] for _, at in phonemes.words]
    assert [ALPHABET[number] for number in starts] == ["I", "ʤ", "b"]


async def fails(engine: TextToSpeech, *said: str) -> None:
    with pytest.raises(TextToSpeechError) as caught:
        await engine.load()
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in said if word not in message] == []


async def test_bad_voices_of_piper(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    alone = make_piper(tmp_path / "alone")
    alone.with_name("toy.onnx.json").unlink()
    await fails(Piper(voice=str(alone)), "toy.onnx.json", "No such file")
    await fails(Piper(voice=str(tmp_path / "none.onnx")), "there is no voice")
    await fails(Piper(voice="lessac"), "'lessac' is no Piper voice", "en_US-lessac-medium")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"espeak": {"voice": "martian"}}, "no voice 'martian'"),
        ({"espeak": {}}, "espeak.voice"),
        ({"audio": {"sample_rate": 1}}, "audio.sample_rate"),
        ({"phoneme_type": "text"}, "phoneme_type"),
        ({"phoneme_id_map": {"a": [1], "b": [2], "c": [3], "d": [4]}}, "phoneme_id_map lacks"),
    ]
    for change, said in changes:
        await fails(Piper(voice=str(make_piper(tmp_path, **change))), said)
    network = make_piper(tmp_path)
    network.with_name("toy.onnx.json").write_text("{", "utf-8")
    await fails(Piper(voice=str(network)), "toy.onnx.json")
    network = make_piper(tmp_path, operation="Floor")
    await fails(Piper(voice=str(network)), "toy.onnx", "no durations")
    network = make_piper(tmp_path)
    network.write_bytes(network.read_bytes()[:900])
    await fails(Piper(voice=str(network)), "toy.onnx", "cut off")
    network.write_bytes(b"")
    await fails(Piper(voice=str(network)), "toy.onnx", "no durations")


async def test_bad_voices_of_kokoro(tmp_path: Path) -> None:
    folder = make_kokoro(tmp_path, {"af_x": 1.0})

    def engine(voice: str = "af_x") -> Kokoro:
        return Kokoro(model=str(folder), voice=voice)

    for voice in ("heart", "af_x:0", "af_x+", "AF_X", "../af_x"):
        await fails(engine(voice), "is no Kokoro voice", "af_heart")
    await fails(engine("af_none"), "voices/af_none.bin", "No such file")
    (folder / "voices/af_short.bin").write_bytes(b"1234")
    await fails(engine("af_short"), "af_short.bin is no voice of Kokoro")
    np.full((510, 256), np.nan, "<f4").tofile(folder / "voices/af_nan.bin")
    await fails(engine("af_nan"), "finite")
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"a": "b"}}}', "utf-8")
    await fails(engine(), "tokenizer.json", "model.vocab.a")
    await fails(Kokoro(model=str(tmp_path / "nowhere")), "there is no folder")


@pytest.mark.parametrize("engine", ["piper", "kokoro"])
def test_they_are_engines_of_the_configuration(tmp_path: Path, engine: str) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"tts: {{engine: {engine}, speed: 1.2}}\n", "utf-8")
    assert re.search("speed", str(load_config(path).tts))


async def test_kokoros_other_voices(tmp_path: Path, speak: Any) -> None:
    engine = Kokoro(
        model=str(make_kokoro(tmp_path, {"am_toy": 1.0, "am_loud": 2.0, "ef_otra": 1.0})),
        voice="am_toy",
    )
    await engine.load()
    assert engine.voices == ["am_loud", "am_toy", "ef_otra"]
    own = (await speak(engine, ["one"])).pcm
    other = engine.in_voice("am_loud")
    assert (engine.language, engine.in_voice("ef_otra").language) == ("en", "es")
    assert np.abs((await speak(other, ["one"])).pcm).max() > 1.5 * np.abs(own).max()
    assert np.array_equal((await speak(engine.in_voice("am_toy"), ["one"])).pcm, own)
    assert np.array_equal((await speak(engine, ["one"])).pcm, own), "it stays as it was"
    for unknown in ("alloy", "af_nobody"):
        with pytest.raises(TextToSpeechError):
            engine.in_voice(unknown)


async def test_kokoros_voices_for_other_languages(tmp_path: Path, speak: Any) -> None:
    folder = make_kokoro(tmp_path, {"am_toy": 1.0, "ef_otra": 2.0})
    engine = Kokoro(model=str(folder), voice="am_toy", languages={"es": "ef_otra"})
    await engine.load()
    spanish = engine.in_language("es")
    assert [engine.language, spanish.language] == ["en", "es"]
    assert engine.in_language("fr") is engine
    named = engine.in_voice("ef_otra")
    one, other = [(await speak(each, ["one"])).pcm for each in (spanish, named)]
    assert np.array_equal(one, other)
    await fails(
        Kokoro(model=str(folder), voice="am_toy", languages={"fr": "ff_siwis"}), "ff_siwis.bin"
    )


async def test_pipers_other_speakers(tmp_path: Path) -> None:
    engine = Piper(voice=str(make_piper(tmp_path, speakers=("ann", "bob"))))
    await engine.load()
    assert engine.voices == ["ann", "bob"]
    assert engine.in_voice("bob").sample_rate == engine.sample_rate
    with pytest.raises(TextToSpeechError, match="alloy"):
        engine.in_voice("alloy")
