"""Which words of a reply were heard: arithmetic on word starts and played samples."""

from collections.abc import Sequence

from tts import SpokenWord

RECOGNISED_AFTER = 0.2
"""Seconds of a word after which a listener has it (spoken words in context are recognised about
200 ms after their onset: Marslen-Wilson, gating studies); shorter words count at their end."""


def heard_words(
    words: Sequence[SpokenWord], played: int, generated: int, sample_rate: int
) -> Sequence[SpokenWord]:
    """The words that were heard once `played` of `generated` samples had left the speaker."""
    enough = round(RECOGNISED_AFTER * sample_rate)
    ends = [*(word.start for word in words[1:]), generated]
    count = 0
    for word, end in zip(words, ends, strict=False):
        if played < min(word.start + enough, max(end, word.start + 1)):
            break
        count += 1
    return words[:count]


def split_at(text: str, heard: Sequence[SpokenWord]) -> tuple[str, str]:
    """`text` (what was to be said) as what was heard of it and what was not."""
    spoken = " ".join(word.text for word in heard).split()
    return " ".join(spoken), " ".join(text.split()[len(spoken) :])
