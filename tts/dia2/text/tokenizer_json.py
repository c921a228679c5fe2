"""What the older files of a stranger's tokenizer must say."""

from typing import Annotated

from pydantic import Field

from tts.strict import Strict

Id = Annotated[str, Field(pattern="^[0-9]{1,7}$")]
Number = Annotated[int, Field(ge=0, le=1 << 20)]


class Token(Strict):
    content: str
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool = False
    special: bool = False


class AddedTokens(Strict):
    """Of `tokenizer_config.json`, and of `added_tokens.json`."""

    added_tokens_decoder: dict[Id, Token] = Field({}, max_length=10_000)
    added_tokens: dict[str, Number] = Field({}, max_length=10_000)
