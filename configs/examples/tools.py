"""The tools of the examples: plain Python functions, whose docstrings the model reads."""

_list: list[str] = []

SPANISH = {"house": "casa", "dog": "perro", "water": "agua", "bread": "pan", "thank you": "gracias"}
_asked: list[str] = []


def add_item(item: str) -> str:
    """Put something on the shopping list.

    Args:
        item: What to buy, such as milk.
    """
    _list.append(item)
    return f"{item} is on the list"


def remove_item(item: str) -> str:
    """Take something off the shopping list.

    Args:
        item: As it stands on the list.
    """
    if item not in _list:
        return f"{item} is not on the list"
    _list.remove(item)
    return f"{item} is off the list"


def read_list() -> str:
    """What is on the shopping list."""
    if not _list:
        return "the list is empty"
    *rest, last = _list
    return f"{', '.join(rest)} and {last}" if rest else last


def clear_list() -> str:
    """Take everything off the shopping list."""
    _list.clear()
    return "the list is empty now"


def translate(word: str) -> str:
    """How an English word is said in Spanish.

    Args:
        word: One word, or a few, in English.
    """
    return SPANISH.get(word.lower(), "a word that is not in my little book")


def next_word() -> str:
    """The English word to ask the learner next."""
    words = [*SPANISH]
    _asked.append(words[len(_asked) % len(words)])
    return _asked[-1]


def check_answer(answer: str) -> str:
    """Whether the learner's Spanish for the word that was asked last is right.

    Args:
        answer: The word that they said.
    """
    if not _asked:
        return "nothing has been asked yet"
    right = SPANISH[_asked[-1]]
    if answer.lower().strip() == right:
        return f"right, {_asked[-1]} is {right}"
    return f"not quite, {_asked[-1]} is {right}"


def look_up_invoice(number: int) -> str:
    """What has become of an invoice.

    Args:
        number: The invoice's number.
    """
    return f"invoice {number} was paid on the first of May"
