"""Tables that languages fill in: symbols in an order, whose words a language lists in the same."""

from collections.abc import Mapping, Sequence

from tts.normalise.language import Money, Noun, money, nouns

_UNITS = (
    *("km/h", "m/s", "km", "m", "cm", "mm", "kg", "g", "mg", "t", "l L", "ml mL", "m² m2"),
    *("km² km2", "m³ m3", "h", "min", "s", "ms", "°C ℃", "°F ℉", "°", "%", "‰", "Hz", "MHz", "GHz"),
    *("W", "kW", "kWh", "V", "A", "dB", "kcal", "kB KB", "MB", "GB", "TB", "Mbit/s Mbps"),
)
_MONEY = (
    *("$", "US$ USD", "€ EUR", "£ GBP", "¥ JPY", "CHF", "zł PLN", "₽ RUB", "₺ TRY", "R$ BRL"),
    *("₩ KRW", "¢", "₹ INR"),
)
_SIGNS = (
    *("-", "+", "±", "×", "÷", "=", "<", ">", "≤", "≥", "≠", "≈", "→", "√", "∞", "^", "&", "@"),
    *("#", ".", "§", "/", "per", "–"),
)


def units(text: str) -> dict[str, Noun]:
    """Units, named in the order of the symbols; between semicolons."""
    return nouns(_table(_UNITS, text))


def currencies(text: str, symbols: Sequence[str] = _MONEY) -> dict[str, Money]:
    """Currencies, likewise, each with its hundredth after a stroke."""
    return {
        symbol: money(*major_minor.split(" / "))
        for symbols, major_minor in _table(symbols, text).items()
        for symbol in symbols.split()
    }


def signs(text: str, *, version: str) -> dict[str, str]:
    """Signs, likewise; `version` is the point inside one."""
    table = _table(_SIGNS, text)
    same = {"·": "×", "times": "×", "*": "×", "~": "≈"}
    return {
        **table,
        **{sign: table[as_that] for sign, as_that in same.items()},
        **{"_": " ", "version": version},
    }


def months(text: str, short: str = "") -> tuple[tuple[str, ...], Mapping[str, int]]:
    """The months' names, and the numbers of names, also of short ones."""
    names = tuple(text.split())
    numbers = {name: number for number, name in enumerate(names, 1)}
    numbers |= {name.capitalize(): number for name, number in numbers.items()}
    for number, name in enumerate(short.split(), 1):
        numbers.setdefault(name, number)
    return names, numbers


def _table(symbols: Sequence[str], text: str) -> dict[str, str]:
    return dict(zip(symbols, (part.strip() for part in text.split(";")), strict=True))
