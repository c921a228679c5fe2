"""What was heard of what was written (P3), where figures became words."""

import pytest

from agent.config.language import voice_of
from agent.engines import GuardedTextToSpeech
from agent.languages import codes
from tts import SpokenWord
from tts.clean import SOUNDS
from tts.espeak import Espeak
from tts.normalise.stream import Record
from tts.spoken_text import SpokenText

pytestmark = pytest.mark.anyio

WORDS = [SpokenWord("One", 0), SpokenWord("two,", 300), SpokenWord("three.", 700)]


def plain(text: str) -> Record:
    record = Record()
    record.add(text, text)
    return record


def words(text: str) -> list[SpokenWord]:
    return [SpokenWord(word, start) for start, word in enumerate(text.split())]


def test_the_text_splits_where_the_words_end() -> None:
    text = "One  two,\nthree. Four"
    assert plain(text).split(WORDS[:2]) == ("One two,", "three. Four")
    assert plain(text).split([]) == ("", "One two, three. Four")


def test_a_word_of_several_tokens_takes_them_all() -> None:
    heard = [SpokenWord("New York", 0)]
    assert plain("New York is big").split(heard) == ("New York", "is big")


def prepared(*fragments: str) -> tuple[SpokenText, str]:
    text = SpokenText(Espeak())
    spoken = [piece for fragment in fragments for piece in text.feed(fragment)]
    return text, "".join(spoken) + text.finish()


@pytest.mark.parametrize(
    ("count", "heard", "unheard"),
    [
        (0, "", "It costs $3.50, on 5 May. OK?"),
        (2, "It costs", "$3.50, on 5 May. OK?"),
        (3, "It costs", "$3.50, on 5 May. OK?"),  # "three": not yet the whole of it
        (5, "It costs $3.50,", "on 5 May. OK?"),
        (6, "It costs $3.50, on", "5 May. OK?"),
        (7, "It costs $3.50, on", "5 May. OK?"),
        (8, "It costs $3.50, on 5 May.", "OK?"),
        (9, "It costs $3.50, on 5 May. OK?", ""),
    ],
)
def test_figures_were_heard_when_all_their_words_were(count: int, heard: str, unheard: str) -> None:
    text, spoken = prepared("It costs **$3.", "50**, on 5 M", "ay. OK?")
    assert spoken == "It costs three dollars fifty, on May fifth. OK?"
    assert text.split(words(spoken)[:count]) == (heard, unheard)


def test_markup_between_words_is_no_word() -> None:
    record = plain('[S1] One. <break time="1s"/> Two. [S2] Three.')
    assert record.split(words("One. Two."))[1] == "[S2] Three."


def test_words_as_an_engine_spells_them() -> None:
    """Dia2 replaces colons and curly apostrophes."""
    assert plain("It’s one: two").split(words("It's one"))[1] in (": two", "two")
    assert plain("one two three").split(words("ONE TWO")) == ("one two", "three")


class Scripted(Espeak):
    sounds = SOUNDS
    language = None


def test_a_voice_of_no_known_language_is_given_what_is_written() -> None:
    text = SpokenText(Scripted())
    assert "".join(text.feed("(sigh) It is 5 < 6. ")) == "(sighs) It is 5 < 6. "
    assert text.written == "(sighs) It is 5 < 6. "


def test_a_long_fragment_comes_in_pieces() -> None:
    pieces = list(SpokenText(Espeak()).feed("word " * 1000))
    assert max(map(len, pieces)) < 250


@pytest.mark.parametrize(
    ("language", "read"),
    [
        ("de", "neun Uhr fünf"),
        ("es", "nueve y cinco"),
        ("zh", "九点零五分"),
        ("hi", "नौ बजकर पाँच मिनट"),
        ("ja", "9:05"),  # espeak reads no kanji
        ("en", "nine oh five"),
    ],
)
async def test_figures_are_read_in_the_language_that_was_heard(language: str, read: str) -> None:
    """As with `language: auto`, where the voice is chosen for each turn."""
    voices = {code: voice_of(code, "espeak") for code in codes() if code != "en"}
    engine = GuardedTextToSpeech(Espeak(languages=voices))
    await engine.load()
    text = SpokenText(engine.in_language(language))
    assert "".join(text.feed("9:05")) + text.finish() == read
