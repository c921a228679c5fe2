"""Tests of an utterance: pieces into takes, takes into sound, what becomes the prompt."""

import logging
from typing import Any

import numpy as np
import pytest
import torch

from tests.tts.dia.serving.dialogue import LONG, MODEL, make_voice
from tts.dia import Dia
from tts.dia.serving.prompt import Prompt, of_voices
from tts.dia.serving.scheduler import Scheduler
from tts.dia.serving.script import speak
from tts.dia.serving.utterance import UtteranceState, VoiceSettings
from tts.dia.take import Take
from tts.protocol import Speech, TextToSpeechError
from tts.transformer.item import Item

torch.set_num_threads(1)  # these networks are too small to share out


@pytest.fixture(scope="module")
def dia() -> Dia:
    return Dia.load(MODEL, slots=2)


class Listening(UtteranceState):
    """An utterance whose listener takes everything at once, and keeps it and all takes."""

    def __init__(self, dia: Dia, prompt: Prompt | None = None, seed: int = 11) -> None:
        self.items: list[Item] = []
        self.takes: list[tuple[Take, bytes]] = []
        settings = VoiceSettings(dia.sampling, seed)
        super().__init__(dia, settings, prompt, self.keep)

    def keep(self, item: Item) -> None:
        self.items.append(item)
        if isinstance(item, Speech):
            self.heard()

    def begin_take(self) -> Take | None:
        take = super().begin_take()
        if take is not None:
            self.takes.append((take, take.text))
        return take

    @property
    def pcm(self) -> np.ndarray[Any, Any]:
        pieces = [each.pcm for each in self.items if isinstance(each, Speech)]
        return np.concatenate(pieces) if pieces else np.zeros(0)

    @property
    def texts(self) -> list[str]:
        """What the network was given, take by take."""
        texts = (text.replace(b"\x01", b"[S1]").replace(b"\x02", b"[S2]") for _, text in self.takes)
        return [text.decode() for text in texts]


def said(dia: Dia, *utterances: Listening, text: str = LONG) -> None:
    scheduler = Scheduler(dia)
    for each in utterances:
        scheduler.open(each)
        each.feed(text)
        each.finish()
    while scheduler.open_ones:
        scheduler.step()


def test_a_long_text_is_spoken_in_pieces_each_of_which_goes_on_from_the_first(dia: Dia) -> None:
    utterance = Listening(dia)
    said(dia, utterance)
    assert utterance.items[-1] is None
    first, *others = utterance.texts
    assert first.startswith("[S1] It was")
    assert first.endswith("by the sea. [S2]")
    assert others
    for text in others:
        assert text.startswith(first.removesuffix(" [S2]") + " It was")
    prompts = [take.prompt for take, _ in utterance.takes]
    assert prompts[0] == 0
    assert set(prompts[1:]) == {len(utterance.takes[0][0].codes)}


def test_the_sound_is_that_of_the_whole_take(dia: Dia) -> None:
    utterance = Listening(dia)
    said(dia, utterance, text="Hello there, my friend.")
    ((take, text),) = utterance.takes
    assert text == b"\x01 Hello there, my friend. \x02"
    whole = dia.codec.decode(take.codes.T.copy()).numpy()
    # The silence of it is cut, to some windows.
    assert 0 < len(utterance.pcm) <= len(whole)
    at = next(n for n in range(len(whole)) if np.allclose(whole[n : n + 400], utterance.pcm[:400]))
    assert np.abs(utterance.pcm - whole[at : at + len(utterance.pcm)]).max() < 1e-4


def test_a_voice_prompts_every_take(dia: Dia) -> None:
    prompt = of_voices([make_voice()], dia.codec)
    utterance = Listening(dia, prompt)
    said(dia, utterance)
    assert {take.prompt for take, _ in utterance.takes} == {14}
    assert all(text.startswith("[S1] Hello my friends. It was") for text in utterance.texts)


def test_two_voices_say_who_is_who(dia: Dia) -> None:
    prompt = of_voices([make_voice(), make_voice(text="Good day.")], dia.codec)
    utterance = Listening(dia, prompt)
    said(dia, utterance, text="[S2] Me. [S1] Then me.")
    assert utterance.texts == ["[S1] Hello my friends. [S2] Good day. Me. [S1] Then me. [S2]"]


def test_who_speaks_later_is_held_too(dia: Dia) -> None:
    utterance = Listening(dia)
    said(dia, utterance, text=LONG + "[S2] " + LONG)
    took = [(take.prompt, len(take.codes)) for take, _ in utterance.takes]
    first, _, second, after, *_ = took
    assert second[0] == first[1]
    assert after[0] == first[1] + second[1]
    assert utterance.texts[3].count("[S2]") == 1  # who speaks last goes on


def test_the_same_seed_says_the_same_and_others_beside_it_change_nothing(dia: Dia) -> None:
    alone, one, other = Listening(dia), Listening(dia), Listening(dia, seed=7)
    said(dia, alone)
    said(dia, one, other)
    assert np.array_equal(alone.pcm, one.pcm)
    assert len(one.pcm) != len(other.pcm)


def test_an_empty_take_is_tried_once_more(
    dia: Dia, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Here none makes any sound."""
    monkeypatch.setattr("tts.dia.serving.silence.LOUD", 2.0)
    utterance = Listening(dia)
    with caplog.at_level(logging.WARNING):
        said(dia, utterance, text="Hello there.")
    assert len(utterance.takes) == 2
    assert utterance.takes[0][0].seed != utterance.takes[1][0].seed
    assert utterance.items == [None]
    assert "Dia made no sound of 'Hello there.', twice" in caplog.text


def test_a_take_has_a_limit_by_the_estimate(
    dia: Dia, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 3 / dia.frame_rate)
    utterance = Listening(dia)
    with caplog.at_level(logging.WARNING):
        said(dia, utterance, text="Hello there.")
    assert len(utterance.takes[0][0].codes) == 3
    assert "and was ended" in caplog.text


def test_text_without_words_is_over_at_once(dia: Dia) -> None:
    utterance = Listening(dia)
    said(dia, utterance, text="[S1] … [S2]")
    assert utterance.items == [None]


def test_ten_thousand_characters(dia: Dia, monkeypatch: pytest.MonkeyPatch) -> None:
    """To their end; each take is ended soon, for it is how many there are that counts."""
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 0.04)
    utterance = Listening(dia)
    said(dia, utterance, text="x" * 3_000 + " " + LONG * 20)
    assert utterance.items[-1] is None
    spoken = "".join(
        word.text for each in utterance.items if isinstance(each, Speech) for word in each.words
    )
    assert "sea." in spoken
    assert max(len(text) for _, text in utterance.takes) <= dia.config.max_text


def test_the_listener_is_not_run_away_from(dia: Dia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts.dia.serving.utterance.AHEAD_S", 0.0)
    utterance = Listening(dia)
    utterance.deliver = utterance.items.append
    scheduler = Scheduler(dia)
    scheduler.open(utterance)
    utterance.feed(LONG)
    utterance.finish()
    while scheduler.step():
        pass
    assert len(utterance.takes) == 1
    for _ in list(utterance.items):
        utterance.heard()
    while scheduler.step():
        pass
    assert len(utterance.takes) == 2


def test_a_script_piece_by_piece(dia: Dia) -> None:
    told: list[tuple[float, float]] = []
    settings = VoiceSettings(dia.sampling, 11)
    pieces = list(speak(dia, LONG, settings, progress=lambda *at: told.append(at)))
    utterance = Listening(dia)
    said(dia, utterance)
    assert np.array_equal(np.concatenate([each.pcm for each in pieces]), utterance.pcm)
    done = [each for each, _ in told]
    assert done[0] < 1
    assert done[-1] == pytest.approx(told[-1][1])


def test_a_script_with_the_voices_own_recordings(dia: Dia) -> None:
    prompt = of_voices([make_voice()], dia.codec)
    speech = speak(dia, "Hi.", VoiceSettings(dia.sampling, 1), prompt, include_prompt=True)
    assert len(next(speech).pcm) == 14 * dia.codec.frame_size


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("", "the script has no words"),
        ("[S1] … [S2] !", "the script has no words"),
        ("[S1] Hello. [S3] Hi.", r"\[S3\]: Dia has two speakers"),
        ("Привет, как дела?", "Dia speaks English only"),
    ],
)
def test_scripts_that_are_refused(dia: Dia, script: str, complaint: str) -> None:
    with pytest.raises(TextToSpeechError, match=complaint):
        next(speak(dia, script, VoiceSettings(dia.sampling)))


def test_voices_that_are_refused(dia: Dia) -> None:
    with pytest.raises(TextToSpeechError, match="Dia has two speakers, and 3 voices"):
        of_voices([make_voice()] * 3, dia.codec)
    with pytest.raises(TextToSpeechError, match="'ada' has no words, and without them"):
        of_voices([make_voice(text="")], dia.codec)
    for voice, complaint in (
        (make_voice(frames=3000), "leave no room to speak"),
        (make_voice(text="word " * 200), "leave no room for others"),
    ):
        prompt = of_voices([voice], dia.codec)
        assert prompt is not None
        with pytest.raises(TextToSpeechError, match=complaint):
            prompt.check(dia.config, dia.frame_rate)
