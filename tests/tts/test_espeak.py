import ctypes
import re
import threading
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.config.load import parse_config
from agent.errors import ConfigError
from agent.testing.inline import spoken
from tts.espeak import Espeak
from tts.espeak.engine import synthesise
from tts.espeak.library import Settings, load_library
from tts.protocol import Repeatable, Speech, TextToSpeech, TextToSpeechError

pytestmark = pytest.mark.anyio

TEXT = "Hello, world. It costs 42 dollars and $29.95, naïve — café 1234567 (ok)... Done?"
LONG = "one two three four five six seven eight nine ten " * 5
WORDS = st.lists(
    st.text(min_size=1, max_size=8)
    | st.integers(0, 10**9).map(str)
    | st.sampled_from(
        [
            "Hello,",
            "$29.95",
            "3.14",
            "—",
            "&",
            "50%",
            "A.B.C.",
            "日本語",
            "🙂",
            "...",
            "a@b.com",
            "I'm",
        ]
    ),
    max_size=8,
)


def check_alike(one: Any, other: Any) -> None:
    """The same speech. espeak varies a little: by up to 13 ms in a clause."""
    assert one.text == other.text
    assert len(one.pcm) == pytest.approx(len(other.pcm), rel=0.01, abs=700)
    for word, same in zip(one.words, other.words, strict=True):
        assert word.start == pytest.approx(same.start, rel=0.01, abs=700)


def pitch(pcm: NDArray[np.float32]) -> float:
    """The voice's fundamental in Hz: the strongest repetition between 60 and 400 Hz."""
    spectrum = np.abs(np.fft.rfft(pcm, 2 * len(pcm))) ** 2
    correlation = np.fft.irfft(spectrum)
    shortest, longest = 22050 // 400, 22050 // 60
    return float(22050 / (shortest + np.argmax(correlation[shortest:longest])))


@pytest.fixture
async def espeak() -> Espeak:
    engine = Espeak()
    await engine.load()
    return engine


async def test_it_says_every_word_of_the_text_in_time(espeak: Espeak, speak: Any) -> None:
    engine: TextToSpeech = espeak
    spoken = await speak(engine, [TEXT])
    assert engine.sample_rate == 22050
    assert spoken.text == TEXT
    spoken.check_word_times()
    assert spoken.pcm.dtype == np.float32
    assert 0.1 < np.abs(spoken.pcm).max() <= 1
    assert 8 < len(spoken.pcm) / 22050 < 15


async def test_the_audio_does_not_depend_on_the_fragments(espeak: Espeak, speak: Any) -> None:
    whole, by_letter = await speak(espeak, [TEXT]), await speak(espeak, TEXT)
    check_alike(whole, by_letter)


async def test_clauses_are_spoken_as_if_the_text_were_whole(espeak: Espeak, speak: Any) -> None:
    pieces: list[Speech] = []
    synthesise(load_library(), Settings("en-us", 175, 50), "It is nice, I think.", pieces.append)
    spoken = await speak(espeak, ["It is nice, I think."])
    whole = sum(len(piece.pcm) for piece in pieces)
    assert len(spoken.pcm) == pytest.approx(whole, abs=700)


async def test_word_times_are_where_the_words_sound(espeak: Espeak, speak: Any) -> None:
    spoken = await speak(espeak, ["Yes. No."])
    yes, no = spoken.words
    assert yes.start == 0
    silence, sound = spoken.pcm[no.start - 4000 : no.start], spoken.pcm[no.start : no.start + 4000]
    assert np.abs(silence).max() < 0.01
    assert np.abs(sound).max() > 0.1


async def test_the_first_clause_is_heard_while_the_second_is_awaited(espeak: Espeak) -> None:
    async with espeak.open() as utterance:
        await utterance.feed("Well, let me")
        with anyio.fail_after(5):
            piece = await anext(aiter(utterance))
    assert [word.text for word in piece.words] == ["Well,"]
    assert len(piece.pcm) <= 22050 * 0.06 + 1


@pytest.mark.parametrize("fragments", [[], [""], [" \n", "\t "]])
async def test_no_text_is_no_speech(espeak: Espeak, speak: Any, fragments: list[str]) -> None:
    assert (await speak(espeak, fragments)).pieces == []


@given(WORDS)
@example(["\x1a"])
def test_the_words_joined_are_the_text(words: list[str]) -> None:
    text = " ".join(words)
    pieces: list[Speech] = []
    synthesise(load_library(), Settings("en-us", 175, 50), text, pieces.append)
    spoken = [word for piece in pieces for word in piece.words]
    assert " ".join(word.text for word in spoken) == " ".join(text.split())
    at = 0
    for piece in pieces:
        assert all(at <= word.start < at + len(piece.pcm) for word in piece.words)
        at += len(piece.pcm)
    assert spoken == sorted(spoken, key=lambda word: word.start)


@given(words=WORDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_words_of_an_utterance_joined_are_its_text(
    espeak: Espeak, speak: Any, words: list[str]
) -> None:
    spoken = await speak(espeak, [word + " " for word in words])
    assert "".join(spoken.text.split()) == "".join("".join(words).split())
    spoken.check_word_times()


@pytest.mark.parametrize(
    "text", ["a\0b c", "\x1a", "a \x1a b", "lone \ud800 surrogate", "\u200b\ufeff\u0007"]
)
async def test_strange_characters_are_survived(espeak: Espeak, speak: Any, text: str) -> None:
    assert (await speak(espeak, [text])).text == text


async def test_voice_speed_and_pitch_belong_to_the_engine(speak: Any) -> None:
    engines = [
        Espeak(),
        Espeak(speed=300),
        Espeak(voice="de"),
        Espeak(pitch=0),
        Espeak(pitch=100),
    ]
    for engine in engines:
        await engine.load()
    spoken = [await speak(engine, ["one two three"]) for engine in engines]
    usual, fast, german, low, high = spoken
    check_alike(await speak(engines[0], ["one two three"]), usual)
    assert len(fast.pcm) < 0.8 * len(usual.pcm)
    assert abs(len(german.pcm) - len(usual.pcm)) > 700
    assert pitch(high.pcm) > 1.2 * pitch(low.pcm)


def settled(voice: str) -> Any:
    """What espeak has after it was told of a voice: its name, or what it says."""
    library = load_library()
    try:
        library.check(Settings(voice, 175, 50))
    except TextToSpeechError as error:
        return str(error)
    library._library.espeak_GetCurrentVoice.restype = ctypes.POINTER(ctypes.c_char_p)
    return library._library.espeak_GetCurrentVoice().contents.value


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("en-gb", b"English (Great Britain)"),
        ("en-GB", b"English (Great Britain)"),
        ("en_gb", b"English (Great Britain)"),
        ("en-gb+f2", b"English (Great Britain)"),
        ("English (Great Britain)+m3", b"English (Great Britain)"),
        ("gmw/en", b"English (Great Britain)"),
        ("en-uk", b"English (Great Britain)"),
        ("en-us", b"English (America)"),
        ("en-gb-x-rp", b"English (Received Pronunciation)"),
        ("fr-fr", b"French (France)"),
        ("fr-BE", b"French (Belgium)"),
        ("fr-CA", b"French (France)"),
        ("de-DE", b"German"),
        ("pt-BR", b"Portuguese (Brazil)"),
        ("pt-PT", b"Portuguese (Portugal)"),
        ("es-MX", b"Spanish (Latin America)"),
        ("zh", b"Chinese (Mandarin, latin as English)"),
        ("zh-Hans-CN", b"Chinese (Mandarin, latin as English)"),
    ],
)
def test_a_voice_is_found_by_its_language(voice: str, name: bytes) -> None:
    assert settled(voice) == name


def test_every_language_that_is_listed_is_found() -> None:
    library = load_library()
    codes = [code for each in library._voices for _, code in each.languages]
    assert len(codes) > 150
    assert [code for code in codes if isinstance(settled(code), str)] == []


@pytest.mark.parametrize(
    ("voice", "told"),
    [
        ("en-usa", "espeak has no voice 'en-usa'; nearest"),
        ("", "espeak has no voice ''; nearest"),
        ("+f2", "espeak has no voice ''; nearest"),
        *(
            (name, f"espeak has no voice '{name}'; nearest")
            for name in ("-", ".", "/", "gmw", "!v/f1")
        ),
        ("en-us+nope", "espeak has no variant 'nope' of a voice; there are "),
        ("en-us+../en", "espeak has no variant '../en' of a voice; there are "),
    ],
)
def test_a_voice_that_there_is_not_is_told_with_the_configuration(voice: str, told: str) -> None:
    assert str(settled(voice)).startswith(told)
    text = f"tts:\n  engine: espeak\n  voice: '{voice}'"
    with pytest.raises(ConfigError, match=re.escape(f"my.yaml:3: tts.voice: {told}")):
        parse_config(text.encode(), "my.yaml")


async def test_an_unknown_voice_names_the_nearest() -> None:
    with pytest.raises(TextToSpeechError, match=r"no voice 'en-usa'; nearest of its \d+: en-us"):
        await Espeak(voice="en-usa").load()


def test_it_must_be_loaded() -> None:
    with pytest.raises(TextToSpeechError, match="load"):
        Espeak().open()


def test_what_the_listener_raises_stops_espeak_at_once() -> None:
    blocks = 0

    def listen(_: Speech) -> None:
        nonlocal blocks
        blocks += 1
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        synthesise(load_library(), Settings("en-us", 175, 50), LONG, listen)
    assert blocks == 1


async def test_leaving_early_stops_the_synthesis(
    espeak: Espeak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """espeak is held at its third piece until we have left: it must not make a fourth."""
    made, left = 0, threading.Event()

    def held(library: Any, how: Settings, clause: str, deliver: Any) -> None:
        def count(piece: Speech) -> None:
            nonlocal made
            made += 1
            if made == 3:
                left.wait(10)
            deliver(piece)

        synthesise(library, how, clause, count)

    monkeypatch.setattr("tts.espeak.engine.synthesise", held)
    with anyio.fail_after(10):
        async with espeak.open() as utterance:
            await utterance.feed(LONG)
            await utterance.finish()
            await anext(aiter(utterance))
            await anext(aiter(utterance))
            left.set()
    assert made <= 4


async def test_cancelling_from_outside_leaves_the_engine_usable(espeak: Espeak, speak: Any) -> None:
    before = await speak(espeak, ["Hello there."])
    for _ in range(3):
        with anyio.CancelScope() as scope:
            async with espeak.open() as utterance:
                await utterance.feed(LONG + ". ")
                async for _piece in utterance:
                    scope.cancel()
        assert scope.cancelled_caught
    after = await speak(espeak, ["Hello there."])
    check_alike(before, after)


async def test_two_utterances_at_once_do_not_mix(speak: Any) -> None:
    english, german = Espeak(), Espeak(voice="de", speed=200)
    await english.load()
    await german.load()
    alone = [await speak(english, [TEXT]), await speak(german, [LONG])]
    together: dict[int, Any] = {}

    async def run(index: int, engine: Espeak, text: str) -> None:
        together[index] = await speak(engine, [text])

    async with anyio.create_task_group() as group:
        group.start_soon(run, 0, english, TEXT)
        group.start_soon(run, 1, german, LONG)
        async with english.open() as cancelled:
            await cancelled.feed(LONG + ". ")
            await anext(aiter(cancelled))
    for index in (0, 1):
        check_alike(together[index], alone[index])


async def test_what_the_user_raises_comes_out_as_it_is(espeak: Espeak) -> None:
    async def fail() -> None:
        async with espeak.open() as utterance:
            await utterance.feed("Hello. ")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_a_failure_is_raised_to_whoever_takes_the_audio(
    espeak: Espeak, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TextToSpeechError("broken")

    monkeypatch.setattr("tts.espeak.engine.synthesise", fail)
    async with espeak.open() as utterance:
        await utterance.feed("Hello. ")
        with pytest.raises(TextToSpeechError, match="broken"):
            await anext(aiter(utterance))
        for _ in range(100):  # nobody speaks it, and nobody waits for it
            await utterance.feed("More. ")
        await utterance.finish()


async def test_one_who_listens_slowly_holds_up_nobody_else() -> None:
    voice = await loaded()
    other = voice.in_voice("de")
    with anyio.fail_after(10):
        async with voice.open() as slow:
            await slow.feed("A long sentence that nobody takes, with many words in it.")
            await slow.finish()
            await anext(aiter(slow))  # and no more
            async with other.open() as quick:
                await quick.feed("Kurz.")
                await quick.finish()
                assert [piece async for piece in quick]


async def test_other_voices() -> None:
    voice = await loaded()
    assert {"de", "en-us", "fr-fr"} <= {*voice.voices}
    assert voice.in_voice("de").language == "de"
    assert voice.in_voice("en-us+f3").sample_rate == voice.sample_rate
    for unknown in ("alloy", "de+nobody", ""):
        with pytest.raises(TextToSpeechError, match="espeak has no voice"):
            voice.in_voice(unknown)


async def test_voices_for_other_languages() -> None:
    voice = Espeak(languages={"es": "es-419", "de": "de+f3"})
    await voice.load()
    languages = [voice.in_language(code).language for code in ("es", "de", "fr", "en")]
    assert languages == ["es", "de", "en", "en"]
    assert voice.in_language("fr") is voice


def test_a_language_of_an_unknown_voice_is_told() -> None:
    with pytest.raises(ConfigError, match="espeak has no voice 'nobody'"):
        parse_config(b"tts: {engine: espeak, languages: {es: nobody}}", "my.yaml")


async def loaded() -> Espeak:
    voice = Espeak()
    await voice.load()
    return voice


async def test_begun_anew_it_speaks_the_same_samples() -> None:
    espeak = Espeak()
    await espeak.load()
    said = []
    for before in ("Something else", "number two.", "And a third, longer one."):
        await spoken(espeak, before)
        said.append(np.concatenate([each.pcm for each in await spoken(espeak, TEXT)]))
    for other in said[1:]:
        np.testing.assert_array_equal(other, said[0])
    assert isinstance(espeak, Repeatable)
