"""Nine languages, each found out by itself, and a conversation in two of them."""

from pathlib import Path

import pytest

from tests.real.clips import Clip, samples
from tests.real.conftest import Measured
from tests.real.hearing import bare, level, live, transcribe, understood
from tests.real.words import error_rate, letters

AUTO = {"language": "auto"}
BAR = 5.0
"""Percentage points of letters that may be wrong besides those of bare faster-whisper."""
TOO_HARD = ("hi", "pl")
"""Whisper base writes neither: bare faster-whisper has more letters wrong than there are."""

PAIRS = {
    "en and es": ("en/quick_brown_fox", "es/pangrama"),
    "en and fr": ("en/quick_brown_fox", "fr/pangrama"),
    "it and pt": ("it/pangrama", "pt/pangrama"),
}
COUNTED = {
    *("counting", "conteo", "comptage", "ginti", "conteggio"),
    *("kazoeru", "liczenie", "contagem", "jishu"),
}
"""The samples that count from one to ten: Whisper writes figures in all languages."""


def said(clip: Clip) -> list[str]:
    return letters("12345678910" if clip.name in COUNTED else clip.text)


def test_nine_languages(tmp_path: Path, measured: Measured) -> None:
    """Each sample is a file, and so a conversation, of its own."""
    sounds = [level(clip.pcm) for clip in samples()]
    texts = transcribe(tmp_path, sounds, "language: auto")
    assert all(texts), texts
    known = [n for n, clip in enumerate(samples()) if clip.language not in TOO_HARD]
    spoken = [said(samples()[n]) for n in known]
    other = [letters(text) for text in bare([sounds[n] for n in known], language=None)]
    found = error_rate(spoken, [letters(texts[n]) for n in known])
    bar = error_rate(spoken, other) + BAR
    measured("letters wrong, seven languages by themselves", f"{found:.1f} %", f"{bar:.1f} %")
    assert found <= bar, texts


@pytest.mark.parametrize("pair", PAIRS)
def test_two_languages(pair: str, measured: Measured) -> None:
    """Turn by turn: neither is translated into the other, or rejected."""
    clips = [
        clip
        for name in 2 * PAIRS[pair]
        for clip in samples()
        if f"{clip.language}/{clip.name}" == name
    ]
    turns = understood(live([level(clip.pcm) for clip in clips], AUTO))
    spoken = [letter for clip in clips for letter in said(clip)]
    alone = [text for clip in clips for text in bare([level(clip.pcm)], clip.language)]
    found = error_rate([spoken], [letters("".join(turns))])
    bar = error_rate([spoken], [letters("".join(alone))]) + BAR
    measured(f"letters wrong, {pair} in one conversation", f"{found:.1f} %", f"{bar:.1f} %")
    assert found <= bar, (turns, alone)
