import numpy as np

from agent.transcribe import how_it_sounded
from stt import Transcript, Word
from tts import SpokenWord

PCM = np.zeros(16000, np.float32)


def test_words_with_times_lie_where_they_were_said() -> None:
    heard = how_it_sounded(PCM, Transcript("hi you", (Word("hi", 0.25, 0.5), Word("you", 0.5, 1))))
    assert heard.words == (SpokenWord("hi", 4000), SpokenWord("you", 8000))
    assert heard.speaker == "user"


def test_words_without_times_are_spread_by_their_letters() -> None:
    heard = how_it_sounded(PCM, Transcript("one three a"))
    assert heard.words == (
        SpokenWord("one", 0),
        SpokenWord("three", 16000 * 4 // 11),
        SpokenWord("a", 16000 * 10 // 11),
    )


def test_nothing_said_has_no_words() -> None:
    assert how_it_sounded(PCM, Transcript("")).words == ()
