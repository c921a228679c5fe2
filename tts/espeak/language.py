"""The language that a voice of espeak speaks, for the figures in a text."""


def language_of(voice: str) -> str | None:
    """The language's code, en for en-gb+f2; None where figures are best left to espeak.

    Of Japanese it reads no kanji, so that its own way with figures is better than ours.
    """
    code = voice.lower().replace("_", "-").partition("+")[0].partition("-")[0]
    return {"cmn": "zh", "ja": None}.get(code, code)
