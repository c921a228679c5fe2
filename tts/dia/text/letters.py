"""Letters and signs that Dia knows: it was trained on English, which is written in ASCII."""

import unicodedata

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―", " - "),
        "…": "...",
        "⁄": "/",  # of a fraction
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "ł": "l",
        "Ł": "L",
        "þ": "th",
        "ð": "d",
        "ı": "i",
    }
)


def in_ascii(text: str) -> str:
    """Write a text in ASCII, without accents; what cannot be written so is left out.

    So are control characters, two of which would be speakers to the model.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN)).translate(_PLAIN)
    return "".join(filter(_kept, plain)).replace("\t", " ")


def _kept(char: str) -> bool:
    return char.isascii() and (char.isprintable() or char in "\n\t")
