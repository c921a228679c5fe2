"""English."""

import re

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns
from tts.normalise.languages.en_words import ABBREVIATIONS, BEFORE_NUMBERS, MONEY, SIGNS, UNITS
from tts.normalise.readers import Place, Read
from tts.normalise.rules import Rules

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_SHORT = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Sept": 9,
    "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_REGNAL = names(
    "Henry Louis Elizabeth Charles George Edward Richard James William Philip Napoleon Paul "
    "Benedict Pius Francis Leo Catherine Peter Nicholas Alexander Ivan Frederick Wilhelm Otto "
    "Ferdinand Mary Margaret Alfonso Juan Carlos Gregory Innocent Clement Urban Julius Ramses "
    "Ramesses Ptolemy Cleopatra Darius Xerxes Sixtus Felipe Harald Christian Gustav Leopold "
    "Albert Baldwin"
)
_NUMBERED = names(
    "Chapter Part Section Act Scene Volume Phase Type Class Book Title Article Appendix War "
    "Level Stage Grade Figure Table Mark Bowl Vol Factor Division Unit Step Round Group "
    "chapter part section act scene volume phase type class stage grade level"
)
_STREETS = (
    *("St", "Ave", "Rd", "Blvd", "Ln"),
    *("Street", "Avenue", "Road", "Boulevard", "Lane", "Drive"),
)
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_cardinal = cardinals("en")


def _ordinal(number: int, _mark: str = "") -> str:
    return num2words(number, "en", "ordinal")


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if not 1000 < year < 2100 or 2000 <= year < 2010 or year % 1000 == 0:
        return _cardinal(year)
    if not rest:
        return f"{_cardinal(century)} hundred"
    return f"{_cardinal(century)} {'oh ' if rest < 10 else ''}{_cardinal(rest)}"


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{_MONTHS[month - 1]} {_ordinal(day)}" + (f", {year}" if year else "")


def _time(hour: int, minute: int, _before: str = "") -> str:
    if not minute:
        return f"{_cardinal(hour)} o'clock" if 0 < hour <= 12 else f"{_cardinal(hour)} hundred"
    return f"{_cardinal(hour)} {'oh ' if minute < 10 else ''}{_cardinal(minute)}"


def _seconds(time: str, seconds: int) -> str:
    return f"{time} and {_cardinal(seconds)} second{'s' * (seconds != 1)}"


def _fraction(over: int, under: int) -> str:
    one, more = _FRACTIONS.get(under) or (_ordinal(under), f"{_ordinal(under)}s")
    if under in (1, 10, 100) or under > 100 or over > under:
        return f"{_cardinal(over)} {'out of' if over <= under else 'over'} {_cardinal(under)}"
    return f"{_cardinal(over)} {one if over == 1 else more}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} {'squared' if exponent == 2 else 'cubed'}"
    return f"{base} to the power of {'minus ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _change(major: str, cents: int, number: str, few: str) -> str:
    return f"{major} {number}" if cents >= 10 else f"{major} and {few}"


def _regnal(name: str, value: int) -> str | None:
    name = name.strip("\"'“”(),")
    if name in _REGNAL:
        return f"the {_ordinal(value).title()}"
    if name in _NUMBERED:
        return _cardinal(value)
    return None


ENGLISH = Language(
    code="en",
    cardinal=_cardinal,
    decimal=".",
    group=",",
    point="point",
    digits_after_point=True,
    signs=SIGNS,
    units=nouns(UNITS),
    money=MONEY,
    change=_change,
    half="{} and a half",
    powers=nouns(
        {
            "k K thousand": "thousand",
            "M m mn million": "million",
            "B b bn billion": "billion",
            "T tn trillion": "trillion",
        }
    ),
    months=_MONTHS,
    month_names={month: i for i, month in enumerate(_MONTHS, 1)} | _SHORT,
    date=_date,
    month_first=True,
    time=_time,
    seconds=_seconds,
    year=_year,
    ordinal=_ordinal,
    ordinal_marks="st|nd|rd|th",
    fraction=_fraction,
    mixed=lambda whole, fraction: f"{whole} and {re.sub('^one ', 'a ', fraction)}",
    power=_power,
    version="version",
    code_of="a code of {} characters",
    abbreviations=ABBREVIATIONS,
    before_numbers=BEFORE_NUMBERS,
    regnal=_regnal,
    articles=("a", "an"),
    streets=_STREETS,
    links=(*_STREETS, "of", "the", "AM", "PM", "am", "pm", "in", "ft"),
)


def _half_day(match: re.Match[str], place: Place) -> str:
    """3:30pm, 9 a.m.: the full stop is also the sentence's where a capital follows."""
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    time = _time(hour, minute) if minute else _cardinal(hour)
    ends = match[0].endswith(".") and (place.following in ("", "\n") or place.following.isupper())
    return f"{time} {match['half'].upper()}M" + "." * bool(ends and _last(match))


def _last(match: re.Match[str]) -> bool:
    return match.end() == len(match.string)


def _acronym(match: re.Match[str], place: Place) -> str:
    """U.S.A., M.I.T.: its last full stop is the sentence's only where that ends."""
    letters = " ".join(match[0].replace(".", ""))
    return letters + "." * (_last(match) and place.following in ("", "\n"))


def own_rules(rules: Rules) -> list[tuple[str, Read]]:
    """The rules that other languages lack."""
    number = rules.numbers.pattern

    def doctor(match: re.Match[str], place: Place) -> str:
        rest = match.string[match.end() :].strip() or place.following
        named = rest[:1].isupper() and not re.search(r"\d", match.string[: match.start()])
        return {"Dr.": ("Drive", "Doctor"), "St.": ("Street", "Saint")}[match[0]][named]

    def decade(match: re.Match[str], _: Place) -> str:
        tens = num2words(int(match["tens"]) * 10, "en")
        plural = {"0": "hundreds", "1": "tens"}.get(match["tens"], tens[:-1] + "ies")
        return f"{_cardinal(int(match['century']))} {plural}" if match["century"] else plural

    def feet(match: re.Match[str], _: Place) -> str:
        inches = match["inches"]
        return f"{_cardinal(int(match['feet']))} foot" + (
            f" {rules.numbers.say(inches)}" if inches else ""
        )

    def inches(match: re.Match[str], place: Place) -> str:
        noun = "inch" if place.before in ("a", "an") else "inches"
        return f"{rules.numbers.say(match['v'])} {noun}"

    def day_of(match: re.Match[str], _: Place) -> str:
        year = f", {_year(int(match['year']))}" if match["year"] else ""
        return f"{_ordinal(int(match['day']))} of {match['name']}{year}"

    def year(match: re.Match[str], place: Place) -> str | None:
        return _year(int(match[0])) if _is_year(int(match[0]), place.before) else None

    def years(match: re.Match[str], _: Place) -> str:
        return f"{_year(int(match[1]))} to {_year(int(match[2]))}"

    def postal(match: re.Match[str], place: Place) -> str | None:
        return rules.language.digits(match[0]) if _POSTAL.fullmatch(place.before) else None

    def house(match: re.Match[str], _: Place) -> str:
        hundreds, rest = divmod(int(match["number"]), 100)
        if not rest:
            return f"{_cardinal(hundreds)} hundred"
        return f"{_cardinal(hundreds)} {'oh ' if rest < 10 else ''}{_cardinal(rest)}"

    def lettered(match: re.Match[str], _: Place) -> str:
        letter = {"+": "plus", "in": "inch"}.get(match["letter"], match["letter"])
        return f"{rules.numbers.say(match['n'])} {letter}"

    def frac(match: re.Match[str], _: Place) -> str:
        return _fraction(int(match[1]), int(match[2]))

    return [
        (r"(?:[1-9]|1[0-2]):00(?=[-–])", lambda match, _: _cardinal(int(match[0][:-3]))),
        (
            r"(?<![\d:.])(?P<hour>1[0-2]|0?\d)(?::(?P<minute>[0-5]\d))?"
            r"\s?(?P<half>[aApP])\.?[mM]\b\.?",
            _half_day,
        ),
        (
            rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)\sof\s(?P<name>{'|'.join(_MONTHS)})"
            r"(?:,?\s(?P<year>\d{4}))?",
            day_of,
        ),
        (r"(?<!\w)(?:Dr|St)\.(?!\w)", doctor),
        (r"(?<!\w)(?:[A-Za-z]\.){2,}(?![\w.])(?<!e\.g\.)(?<!i\.e\.)(?<!a\.k\.a\.)", _acronym),
        (r"[’']?(?<!\d)(?P<century>1\d|20)?(?P<tens>\d)0[’']?s(?!\w)", decade),
        (r"(?P<feet>\d{1,2})['′](?:(?P<inches>\d{1,2}(?:\.\d)?)[\"″])?", feet),
        (rf"(?<![\"“])(?P<v>{number})[\"″](?!\w)", inches),
        (rf"(?P<n>{number})-?(?P<letter>in|inch)(?!\w)", lettered),
        (r"(1[1-9]\d\d|20\d\d)[-–](1[1-9]\d\d|20\d\d)(?![\w-])", years),
        (r"(?<![\w.,])\d{4}(?![\w%°/:-]|[.,]\d)", year),
        (r"\d{5}(?:-\d{4})?(?![\w.,]\w|\w)", postal),
        (
            rf"(?<![\w.,#])(?P<number>[1-9]\d{{2,3}})(?=\s[A-Z][a-z]+\s(?:{'|'.join(_STREETS)})\b)",
            house,
        ),
        (r"\\frac\{(\d+)\}\{(\d+)\}", frac),
        (r"\\(?:times|cdot)(?!\w)", lambda *_: "times"),
        (r"\\sqrt\{(\w+)\}", lambda match, _: f"the square root of {match[1]}"),
        (
            r"\$(?P<math>[A-Za-z\\][^$]{0,60})\$(?!\w)",
            lambda match, place: rules.inside(match["math"], place),
        ),
        (r"24/7(?![\w/])", lambda *_: "twenty-four seven"),
        (r"9/11(?![\w/])", lambda *_: "nine eleven"),
        (r"(?P<n>\d+)(?P<letter>[KB])(?!\w)", lettered),
        (rf"(?P<n>{number})(?P<letter>\+)(?!\s?[\d(])", lettered),
    ]


_YEAR_WORDS = names(
    "in since of by from until till before after around year during for and to early late mid "
    "circa between through fall summer spring winter copyright"
)
_POSTAL = re.compile(r"[A-Z]{2},?|(?i:zip|zipcode|code|postcode),?:?")


def _is_year(number: int, before: str) -> bool:
    before = before.strip("(,").lower()
    return 1900 <= number <= 2099 or (
        1000 < number < 2100 and before in _YEAR_WORDS - {"for", "to"}
    )


RULES = Rules(ENGLISH, own_rules)
