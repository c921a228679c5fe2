"""What is said: calls, what sounds nearly like one, and everything else."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from bench.full_duplex.sounds import Rng

NEAR = {
    "hey parley": (
        *(
            "hey barley",
            "hey charlie",
            "the party is on tuesday",
            "hey harley",
            "hey partly cloudy",
        ),
        *("hay barely", "a parlor", "they parted", "hey pally", "hey carly, are you there"),
        *("parsley and barley", "hey marley", "okay, harley", "hey molly", "he barely spoke"),
        *("hey, part of it is here", "a barley field", "hey bar lee", "parlay it", "hey darling"),
    ),
    "hey jarvis": (
        *("hey travis", "hey marvin", "hey harvest", "hey charles", "the service is slow"),
        *("hey jeremy", "hey jasper", "harvest time", "hey gervase", "they carve it"),
        *("hey jar", "nervous", "hey, java is an island", "hey davis", "a jar of this"),
        *("hey garvey", "jervis bay", "hey job is done", "hey carvers", "hey jazz"),
    ),
}
"""What should not wake; of other phrases there are none."""

_WHO = (
    *(
        "my sister",
        "the doctor",
        "a neighbour",
        "our teacher",
        "the old man",
        "nobody",
        "the farmer",
    ),
    *("her brother", "the whole party", "Charlie", "a part of the team", "the company", "Harley"),
)
_DOES = (
    *("wanted to see", "has never heard of", "is looking for", "barely remembers", "sold"),
    *("would rather paint", "already paid for", "partly understood", "carried", "asked about"),
)
_WHAT = (
    *(
        "the yellow house",
        "a bowl of barley soup",
        "the parliament",
        "some apples",
        "a large parcel",
    ),
    *("the early train", "that article", "the garden party", "every word", "a bottle of water"),
    *("the pearly gates", "our holiday in Paris", "the car keys", "a rally", "the heavy door"),
)
_WHEN = (
    *("on Tuesday", "last year", "in the park", "after dinner", "before it rains", "hardly ever"),
    *("at a quarter past nine", "with great pleasure", "by the river", "anyway", "hey, you know"),
)


_PLAIN = re.compile(r"([a-z]{3,10}) ")


def sentences(rng: Rng, *, tuned: bool) -> Iterator[str]:
    """Sentences without end; those that thresholds were found with, or the others.

    In turn one of everyday words, and one of any six words of the dictionary.
    """
    every = list(product(_WHO, _DOES, _WHAT, _WHEN))[not tuned :: 2]
    words = _words()[not tuned :: 2]
    while True:
        for n in rng.permutation(len(every)):
            yield " ".join(every[n]) + "."
            yield " ".join(words[k] for k in rng.integers(len(words), size=6)) + "."


@cache
def _words() -> list[str]:
    """The dictionary's, without those of the phrases."""
    from pocketsphinx import get_model_path

    path = Path(get_model_path()) / "en-us" / "cmudict-en-us.dict"
    found = (_PLAIN.match(line) for line in path.read_text("utf-8").splitlines())
    called = {word for phrase in NEAR for word in phrase.split()}
    return [match[1] for match in found if match and match[1] not in called]
