"""Refusals: what a server has against a request, in its own words, and what they are about."""

import re
from dataclasses import dataclass
from typing import Any

LONGEST = 240
"""Characters of a server's words that are read."""

_TOO_LONG_CODE = re.compile(
    r"context_(?:length|size|window)|exceed_context|(?:prompt|input|request|string)_"
    r"(?:too_long|too_large|above_max)|max_tokens_exceeded|too_many_tokens",
    re.IGNORECASE,
)
_NOT_LENGTH_CODE = re.compile(r"insufficient_quota|content_filter|invalid_api_key", re.IGNORECASE)
_LIMIT = r"(?:exceed\w*|maxim\w*|max|limit\w*|at most|longer|larger|too (?:long|large|many)|<=|>)"
_LENGTH = r"\b(?:context|prompt|input\w*|tokens?|conversation|messages|request|max_new_tokens)\b"
_TOO_LONG = re.compile(
    r"context[ _-](?:length|size|window)|exceed_context|\b(?:n_ctx|num_ctx|max_model_len)\b"
    r"|(?:reduce|shorten)\W+the\W+(?:length|size|number)"
    r"|(?:request|payload|prompt|input|conversation)\W+(?:is\W+|entity\W+)?too\W+(?:large|long)"
    # A length and a limit, and tokens are counted.
    rf"|{_LENGTH}.*\btokens?\b.*{_LIMIT}"
    rf"|{_LENGTH}.*{_LIMIT}.*\b(?:tokens?|context)\b"
    rf"|{_LIMIT}.*{_LENGTH}.*\btokens?\b",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"max_(?:completion_)?tokens (?:is|must be|should be)", re.IGNORECASE)
_IMAGES = re.compile(r"\bimages?\b|image_url|\bvision\b|multi-?modal|mmproj", re.IGNORECASE)
_TOOLS = re.compile(r"\btools?\b|tool_choice|--jinja", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server has against a request."""

    words: str = ""
    codes: str = ""
    """Its codes and types, such as `context_length_exceeded`."""
    status: int | None = None
    """Of HTTP, or the number that stands for it in a stream."""

    @property
    def too_long(self) -> bool:
        """Whether the conversation is: codes say it best, then the status, then words."""
        if _TOO_LONG_CODE.search(self.codes):
            return True
        if _NOT_LENGTH_CODE.search(self.codes) or self.status in {401, 403, 404}:
            return False
        if self.status == 413:
            return True
        return bool(_TOO_LONG.search(self.words)) and not _OUTPUT.search(self.words)

    @property
    def about_tools(self) -> bool:
        """Whether it is that there are tools."""
        return bool(_TOOLS.search(self.words))

    @property
    def about_images(self) -> bool:
        """Whether it is that there are pictures."""
        return bool(_IMAGES.search(self.words))

    @property
    def unclear(self) -> bool:
        """Whether it may be about anything in the request."""
        return self.status in {400, 422}


def find_refusal(chunk: dict[str, Any], *, surely: bool = False) -> Refusal | None:
    """Find an error in a JSON object, wherever the server put it; None if it holds none.

    `surely`: it does, as what is around it says.
    """
    error = chunk.get("error")
    surely = surely or "error" in (chunk.get("object"), chunk.get("type"))
    if not error and not surely and not ("error_message" in chunk or "error_type" in chunk):
        return None
    inner = error if isinstance(error, dict) else chunk
    words = next((inner[key] for key in _WORDS if inner.get(key)), error or inner)
    codes = [str(inner.get(key) or "") for key in ("code", "type", "error_type", "status")]
    status = next((int(code) for code in codes if re.fullmatch("[1-5][0-9][0-9]", code)), None)
    return Refusal(" ".join(str(words).split())[:LONGEST], " ".join(codes), status)


_WORDS = ("message", "error_message", "detail", "error", "msg")
