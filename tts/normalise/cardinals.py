"""Numbers in words: num2words, where it is right, and what it lacks."""

from collections.abc import Callable
from functools import lru_cache, partial

DIGITS = 15
LARGEST = 10**DIGITS
"""From here on numbers are read digit by digit."""

_TURKISH = (
    ("", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"),
    ("", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"),
    ("", "bin", "milyon", "milyar", "trilyon"),
)
_HAN = "零一二三四五六七八九"
_HINDI_BELOW_100 = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस "
    "बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस "
    "तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस "
    "चालीस इकतालीस बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास "
    "पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ "
    "साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर "
    "सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उनासी "
    "अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी "
    "नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_HINDI = tuple(_HINDI_BELOW_100.split())
_HINDI_POWERS = (
    *((10**13, "नील"), (10**11, "खरब"), (10**9, "अरब"), (10**7, "करोड़"), (10**5, "लाख")),
    *((1000, "हज़ार"), (100, "सौ")),
)


@lru_cache(4096)
def num2words(number: int, language: str, to: str = "cardinal") -> str:
    """The words of a number, as the library has them; as a cardinal where it has no others."""
    from num2words import num2words as convert

    if number >= LARGEST:
        return cardinals(language)(number)
    try:
        return str(convert(number, lang=language, to=to)).replace(",", "")
    except (LookupError, NotImplementedError, OverflowError):  # it knows few ordinals of some
        return str(convert(number, lang=language)).replace(",", "")


def cardinals(language: str) -> Callable[[int], str]:
    """The function that writes a language's numbers; from LARGEST on digit by digit."""
    own = {"tr": turkish, "zh": chinese, "es": spanish, "hi": hindi}
    below = own.get(language, partial(num2words, language=language))
    space = "" if language in ("ja", "zh") else " "

    def cardinal(number: int) -> str:
        if number < LARGEST:
            return below(number)
        return space.join(below(int(digit)) for digit in str(number))

    return cardinal


def spanish(number: int) -> str:
    """With "veintiún mil", where the library has "veintiuno mil"."""
    words = num2words(number, "es")
    for one, short in (("veintiuno m", "veintiún m"), ("uno mil", "un mil")):
        words = words.replace(one, short)
    return words


def turkish(number: int) -> str:
    """With spaces between the words, which the library leaves out."""
    ones, tens, powers = _TURKISH
    if number == 0:
        return "sıfır"
    words: list[str] = []
    for power in range(len(powers) - 1, -1, -1):
        group = number // 1000**power % 1000
        if not group:
            continue
        hundreds, rest = divmod(group, 100)
        if hundreds:
            words += [ones[hundreds] if hundreds > 1 else "", "yüz"]
        if not (power == 1 and group == 1):
            words += [tens[rest // 10], ones[rest % 10]]
        words.append(powers[power])
    return " ".join(filter(None, words))


def hindi(number: int) -> str:
    """Hindi, which the library lacks: each number below a hundred is a word of its own."""
    spoken: list[str] = []
    for power, name in _HINDI_POWERS:
        many, number = divmod(number, power)
        if many:
            spoken += [hindi(many), name]
    if number or not spoken:
        spoken.append(_HINDI[number])
    return " ".join(spoken)


def chinese(number: int) -> str:
    """Mandarin, which the library lacks."""
    if number < 20:
        return _HAN[number] if number < 10 else "十" + (_HAN[number % 10] if number % 10 else "")
    for power, name in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")):
        if number >= power:
            high, low = divmod(number, power)
            zero = "零" if 0 < low < power // 10 else ""
            return chinese(high) + name + zero + (_tail(low) if low else "")
    words, gap = "", False
    for power, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // power % 10
        if digit:
            words += ("零" if gap else "") + _HAN[digit] + name
        gap = bool(words) and not digit
    return words


def _tail(number: int) -> str:
    """As after a larger number: 一十, not 十."""
    words = chinese(number)
    return "一" * words.startswith("十") + words
