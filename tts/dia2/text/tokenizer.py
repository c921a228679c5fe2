"""The tokenizer: text to token ids, as the files beside a checkpoint say."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tts.extras import pip_install
from tts.files import inside, one_line, open_file, read_json
from tts.protocol import TextToSpeechError

if TYPE_CHECKING:
    import tokenizers

_NO_BOS = 1
_LIMIT = 5 << 20  # bytes; tokenizer.json of the published models has 2 MB


@dataclass(frozen=True)
class Tokenizer:
    """Encodes text by byte-level BPE, with Dia2's speaker tags."""

    model: "tokenizers.Tokenizer"
    bos: int
    """Main text id of step 0."""
    speakers: tuple[int, int]
    """Ids of `[S1]` and `[S2]`; twice the new-word id if the vocabulary has no such tags."""
    has_speakers: bool

    @classmethod
    def from_folder(cls, folder: str | Path, new_word: int, vocabulary: int | None = None) -> Self:
        """Load `tokenizer.json`, or `vocab.json` and `merges.txt` where that is missing.

        `new_word` is the configuration's new-word id, `vocabulary` how many ids the network knows.
        Raises TextToSpeechError, naming the file, if there is no tokenizer in the folder, it cannot
        be read, or has other ids.
        """
        folder = Path(folder)
        settings = _read(folder, "tokenizer_config.json")
        model = _load(folder, settings)
        if vocabulary is not None and not _fits(model, vocabulary):
            raise TextToSpeechError(
                f"the tokenizer in {folder} has ids above the model's {vocabulary}: "
                "they do not belong together"
            )
        bos = _bos(model, settings, _read(folder, "special_tokens_map.json"))
        first, second = model.token_to_id("[S1]"), model.token_to_id("[S2]")
        if first is None or second is None:
            return cls(model, bos, (new_word, new_word), has_speakers=False)
        return cls(model, bos, (first, second), has_speakers=True)

    def encode(self, text: str) -> list[int]:
        """Encode `text`; control strings in it become control ids, none are added."""
        return self.model.encode(_whole(text), add_special_tokens=False).ids


def _fits(model: "tokenizers.Tokenizer", vocabulary: int) -> bool:
    if model.get_vocab_size() > vocabulary:  # told apart first: a list of all takes memory
        return False
    return max(model.get_vocab().values(), default=0) < vocabulary


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no character


def _load(folder: Path, settings: dict[str, Any]) -> "tokenizers.Tokenizer":
    try:
        from tokenizers import Tokenizer as Model
    except ImportError as error:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(f"Dia2 needs tokenizers ({error}): {install}") from None
    whole = inside(folder, "tokenizer.json")
    if not whole.exists():
        return _assemble(folder, settings)
    open_file(whole, _LIMIT).close()
    try:
        return Model.from_file(str(whole))
    except Exception as error:  # noqa: BLE001 - the library raises plain Exception
        raise TextToSpeechError(f"cannot read {whole}: {one_line(error)}") from None


def _assemble(folder: Path, settings: dict[str, Any]) -> "tokenizers.Tokenizer":
    """The same tokenizer from the files of the older layout."""
    from tokenizers import AddedToken, models, pre_tokenizers
    from tokenizers import Tokenizer as Model

    from tts.dia2.text.tokenizer_json import AddedTokens
    from tts.strict import check

    vocab, merges = inside(folder, "vocab.json"), inside(folder, "merges.txt")
    if not (vocab.exists() and merges.exists()):
        raise TextToSpeechError(
            f"no tokenizer in {folder}: tokenizer.json, or vocab.json and merges.txt, are needed"
        )
    for path in (vocab, merges):
        open_file(path, _LIMIT).close()
    settings = {**settings, "added_tokens": _read(folder, "added_tokens.json")}
    try:
        said = check(AddedTokens, settings)
        ids = dict(said.added_tokens)
        added = {text: AddedToken(text, normalized=False) for text in ids}
        for number, token in said.added_tokens_decoder.items():
            ids[token.content] = int(number)
            added[token.content] = AddedToken(**token.model_dump(exclude_unset=True))
        words, pairs = models.BPE.read_file(str(vocab), str(merges))
        model = Model(models.BPE({**words, **ids}, pairs))  # in the vocabulary, ids stay as given
        model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        model.add_tokens([added[text] for text in sorted(added, key=ids.__getitem__)])
    except Exception as error:  # noqa: BLE001 - the library raises plain Exception
        raise TextToSpeechError(
            f"cannot read the tokenizer in {folder}: {one_line(error)}"
        ) from None
    return model


def _bos(model: "tokenizers.Tokenizer", *settings: dict[str, Any]) -> int:
    """The first of `settings` that names a token of the model decides; id 0 counts as none."""
    for names in settings:
        token = names.get("bos_token")
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str) and (number := model.token_to_id(_whole(text))) is not None:
            return number or _NO_BOS
    return _NO_BOS


def _read(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object; empty if the file is missing."""
    path = inside(folder, name)
    try:
        data = read_json(path)
    except FileNotFoundError:
        return {}
    if not isinstance(data, dict):
        raise TextToSpeechError(f"cannot read {path}: an object is expected")
    return data
