"""English."""

import re

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, Money, noun, nouns, words
from tts.normalise.rules import Place, Read, Rules

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_SHORT = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Sept": 9,
    "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_CENTS = noun("cent|cents")
_DOLLARS = ("dollar|dollars", _CENTS)


def _money(major: str, minor: str) -> Money:
    return noun(major), noun(minor)


MONEY = {
    "$": _money("dollar|dollars", "cent|cents"),
    "US$": _money("US dollar|US dollars", "cent|cents"),
    "USD": _money("US dollar|US dollars", "cent|cents"),
    "A$": _money("Australian dollar|Australian dollars", "cent|cents"),
    "C$": _money("Canadian dollar|Canadian dollars", "cent|cents"),
    "CAD": _money("Canadian dollar|Canadian dollars", "cent|cents"),
    "€": _money("euro|euros", "cent|cents"),
    "EUR": _money("euro|euros", "cent|cents"),
    "£": _money("pound|pounds", "penny|pence"),
    "GBP": _money("pound|pounds", "penny|pence"),
    "¥": _money("yen", "sen"),
    "JPY": _money("yen", "sen"),
    "CHF": _money("Swiss franc|Swiss francs", "centime|centimes"),
    "₹": _money("rupee|rupees", "paisa|paise"),
    "INR": _money("rupee|rupees", "paisa|paise"),
    "₽": _money("ruble|rubles", "kopek|kopeks"),
    "₩": _money("won", "jeon"),
    "₺": _money("lira", "kurush"),
    "zł": _money("zloty|zlotys", "grosz|groszy"),
    "¢": _money("cent|cents", "cent|cents"),
}
UNITS = {
    "km/h kph kmh": "kilometer per hour|kilometers per hour",
    "mph": "mile per hour|miles per hour",
    "m/s": "meter per second|meters per second",
    "km": "kilometer|kilometers",
    "m": "meter|meters",
    "cm": "centimeter|centimeters",
    "mm": "millimeter|millimeters",
    "µm μm": "micrometer|micrometers",
    "nm": "nanometer|nanometers",
    "mi": "mile|miles",
    "ft": "foot|feet",
    "yd": "yard|yards",
    "kg": "kilogram|kilograms",
    "g": "gram|grams",
    "mg": "milligram|milligrams",
    "µg μg mcg": "microgram|micrograms",
    "t": "ton|tons",
    "lb lbs": "pound|pounds",
    "oz": "ounce|ounces",
    "L l": "liter|liters",
    "mL ml": "milliliter|milliliters",
    "cl": "centiliter|centiliters",
    "dl dL": "deciliter|deciliters",
    "tsp": "teaspoon|teaspoons",
    "tbsp": "tablespoon|tablespoons",
    "m² m2": "square meter|square meters",
    "km² km2": "square kilometer|square kilometers",
    "cm² cm2": "square centimeter|square centimeters",
    "ft²": "square foot|square feet",
    "m³ m3": "cubic meter|cubic meters",
    "cm³ cm3": "cubic centimeter|cubic centimeters",
    "ha": "hectare|hectares",
    "h hr hrs": "hour|hours",
    "min mins": "minute|minutes",
    "s sec secs": "second|seconds",
    "ms": "millisecond|milliseconds",
    "ns": "nanosecond|nanoseconds",
    "µs μs": "microsecond|microseconds",
    "°C ℃": "degree Celsius|degrees Celsius",
    "°F ℉": "degree Fahrenheit|degrees Fahrenheit",
    "°": "degree|degrees",
    "%": "percent",
    "‰": "per mille",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "W": "watt|watts",
    "kW": "kilowatt|kilowatts",
    "MW": "megawatt|megawatts",
    "GW": "gigawatt|gigawatts",
    "kWh": "kilowatt hour|kilowatt hours",
    "Wh": "watt hour|watt hours",
    "V": "volt|volts",
    "mV": "millivolt|millivolts",
    "A": "amp|amps",
    "mA": "milliamp|milliamps",
    "mAh": "milliamp hour|milliamp hours",
    "Ω": "ohm|ohms",
    "kΩ": "kilohm|kilohms",
    "N": "newton|newtons",
    "Pa": "pascal|pascals",
    "hPa": "hectopascal|hectopascals",
    "kPa": "kilopascal|kilopascals",
    "bar": "bar|bars",
    "psi": "pounds per square inch",
    "J": "joule|joules",
    "kJ": "kilojoule|kilojoules",
    "cal": "calorie|calories",
    "kcal": "kilocalorie|kilocalories",
    "dB": "decibel|decibels",
    "px": "pixel|pixels",
    "B": "byte|bytes",
    "kB KB": "kilobyte|kilobytes",
    "MB": "megabyte|megabytes",
    "GB": "gigabyte|gigabytes",
    "TB": "terabyte|terabytes",
    "Kbps kbps": "kilobit per second|kilobits per second",
    "Mbps": "megabit per second|megabits per second",
    "Gbps": "gigabit per second|gigabits per second",
    "mol": "mole|moles",
    "rpm": "revolution per minute|revolutions per minute",
    "fps": "frame per second|frames per second",
    "mpg": "mile per gallon|miles per gallon",
}
SIGNS = {
    "-": "minus", "+": "plus", "±": "plus or minus", "×": "times", "times": "times", "÷": "divided by",
    "·": "times", "=": "equals", "<": "less than", ">": "greater than", "≤": "at most",
    "≥": "at least", "≠": "is not equal to", "≈": "about", "~": "about", "→": "to",
    "√": "the square root of", "∞": "infinity", "^": "to the power of", "%": "percent",
    "‰": "per mille", "°": "degrees", "&": "and", "@": "at", "#": "hash", ".": "dot", "§": "section",
    "–": "to", "/": "slash", "_": " ", "version": "point", "per": "per", "*": "times",
}  # fmt: skip
ABBREVIATIONS = words(
    {
        "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Jr.": "Junior",
        "Sr.": "Senior", "Mt.": "Mount", "Ft.": "Fort", "Gov.": "Governor", "Sen.": "Senator",
        "Gen.": "General", "Lt.": "Lieutenant", "Capt.": "Captain", "Sgt.": "Sergeant",
        "Rev.": "Reverend", "Hon.": "Honorable", "Cmdr.": "Commander", "Col.": "Colonel",
        "Rep.": "Representative", "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation",
        "Co.": "Company", "Bros.": "Brothers", "Assn.": "Association", "Univ.": "University",
        "vs. vs": "versus", "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is",
        "a.k.a.": "also known as", "approx.": "approximately", "est.": "established",
        "dept. Dept.": "department", "govt. Govt.": "government", "incl.": "including",
        "excl.": "excluding", "max.": "maximum", "min.": "minimum", "avg.": "average",
        "temp.": "temperature", "tel. Tel.": "telephone", "ext.": "extension", "apt. Apt.":
        "apartment", "w/": "with", "w/o": "without", "c/o": "care of", "b/c": "because",
        "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Ln.": "Lane", "Hwy.": "Highway",
        "Sq.": "Square", "Pkwy.": "Parkway", "Mon.": "Monday", "Tue. Tues.": "Tuesday",
        "Wed.": "Wednesday", "Thu. Thur. Thurs.": "Thursday", "Fri.": "Friday", "Sat.": "Saturday",
        "Ph.D.": "P H D", "PhD": "P H D", "M.D.": "M D", "B.A.": "B A", "M.A.": "M A",
        "and/or": "and or", "n/a N/A": "not available", "Dr.": "Doctor", "St.": "Saint", "C++": "C plus plus", "C#": "C sharp", "F#": "F sharp", ".NET": "dot net",
        "WWI": "World War One", "WWII": "World War Two", "et al.": "and others",
        "Jan.": "January", "Feb.": "February", "Apr.": "April", "Aug.": "August", "Sept. Sep.":
        "September", "Oct.": "October", "Nov.": "November", "Dec.": "December",
    }
)  # fmt: skip
BEFORE_NUMBERS = words(
    {
        "No. no. Nos. nos. № #": "number", "Fig. fig.": "figure", "Figs. figs.": "figures",
        "Eq. eq.": "equation", "Sec. sec.": "section", "§": "section", "Ch. ch.": "chapter",
        "Vol. vol.": "volume", "p. P.": "page", "pp.": "pages", "Art.": "article", "ca. c.": "about",
        "Rm.": "room", "Rte.": "route", "v. ver.": "version",
    }
)  # fmt: skip
_REGNAL = frozenset(
    "Henry Louis Elizabeth Charles George Edward Richard James William Philip Napoleon Paul Benedict "
    "Pius Francis Leo Catherine Peter Nicholas Alexander Ivan Frederick Wilhelm Otto Ferdinand Mary "
    "Margaret Alfonso Juan Carlos Gregory Innocent Clement Urban Julius Ramses Ramesses Ptolemy "
    "Cleopatra Darius Xerxes Sixtus Felipe Harald Christian Gustav Leopold Albert Baldwin".split(" ")
)
_NUMBERED = frozenset(
    "Chapter Part Section Act Scene Volume Phase Type Class Book Title Article Appendix War Level "
    "Stage Grade Figure Table Mark Bowl Vol Type Factor Division Unit Step Round Group chapter part "
    "section act scene volume phase type class stage grade level".split(" ")
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


def _time(hour: int, minute: int) -> str:
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
            "k K thousand": "thousand", "M mn million": "million", "B b bn billion": "billion",
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
    links=("of", "the", "AM", "PM", "am", "pm", "in", "ft", "St"),
)  # fmt: skip


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
    number = rules.number

    def doctor(match: re.Match[str], place: Place) -> str:
        rest = match.string[match.end() :].strip() or place.following
        named = rest[:1].isupper() and not re.search(r"\d", match.string[: match.start()])
        return {"Dr.": ("Drive", "Doctor"), "St.": ("Street", "Saint")}[match[0]][named]

    def decade(match: re.Match[str], _: Place) -> str:
        tens = num2words(int(match["tens"]) * 10, "en")
        plural = "hundreds" if match["tens"] == "0" else tens[:-1] + "ies"
        return f"{_cardinal(int(match['century']))} {plural}" if match["century"] else plural

    def feet(match: re.Match[str], _: Place) -> str:
        inches = match["inches"]
        return f"{_cardinal(int(match['feet']))} foot" + (f" {rules.numbers.say(inches)}" if inches else "")

    def year(match: re.Match[str], place: Place) -> str | None:
        return _year(int(match[0])) if _is_year(int(match[0]), place.before) else None

    def years(match: re.Match[str], _: Place) -> str:
        return f"{_year(int(match[1]))} to {_year(int(match[2]))}"

    def postal(match: re.Match[str], place: Place) -> str | None:
        return rules.language.digits(match[0]) if _POSTAL.fullmatch(place.before) else None

    def house(match: re.Match[str], _: Place) -> str:
        digits = match["number"]
        return f"{_cardinal(int(digits[:-2]))} {'oh ' if digits[-2] == '0' else ''}" + (
            _cardinal(int(digits[-2:])) if digits[-2:] != "00" else "hundred"
        )

    def frac(match: re.Match[str], _: Place) -> str:
        return _fraction(int(match[1]), int(match[2]))

    return [
        (r"(?:[1-9]|1[0-2]):00(?=[-–])", lambda match, _: _cardinal(int(match[0][:-3]))),
        (r"(?<![\d:.])(?P<hour>1[0-2]|0?\d)(?::(?P<minute>[0-5]\d))?\s?(?P<half>[aApP])\.?[mM]\b\.?", _half_day),
        (r"(?<!\w)(?:Dr|St)\.(?!\w)", doctor),
        (r"(?<!\w)(?:[A-Za-z]\.){2,}(?![\w.])(?<!e\.g\.)(?<!i\.e\.)(?<!a\.k\.a\.)", _acronym),
        (r"[’']?(?<!\d)(?P<century>1\d|20)?(?P<tens>\d)0[’']?s(?!\w)", decade),
        (r"(?P<feet>\d{1,2})['′](?:(?P<inches>\d{1,2}(?:\.\d)?)[\"″])?", feet),
        (rf"(?P<v>{number})[\"″](?!\w)", lambda match, _: f"{rules.numbers.say(match['v'])} inches"),
        (rf"(?P<v>{number})(?:in|-inch)(?!\w)", lambda match, _: f"{rules.numbers.say(match['v'])} inch"),
        (r"(1[1-9]\d\d|20\d\d)[-–](1[1-9]\d\d|20\d\d)(?![\w-])", years),
        (r"(?<![\w.,])\d{4}(?![\w%°/:-]|[.,]\d)", year),
        (r"\d{5}(?:-\d{4})?(?![\w.,]\w|\w)", postal),
        (r"(?<![\w.,#])(?P<number>[1-9]\d{2,3})(?=\s[A-Z][a-z]+\s(?:St|Ave|Rd|Blvd|Ln)\b)", house),
        (r"\\frac\{(\d+)\}\{(\d+)\}", frac),
        (r"\\(?:times|cdot)(?!\w)", lambda *_: "times"),
        (r"\\sqrt\{(\w+)\}", lambda match, _: f"the square root of {match[1]}"),
        (r"\$(?P<math>[A-Za-z\\][^$]{0,60})\$(?!\w)", lambda match, place: rules.inside(match["math"], place)),
        (r"24/7(?![\w/])", lambda *_: "twenty-four seven"),
        (r"9/11(?![\w/])", lambda *_: "nine eleven"),
        (r"(?P<n>\d+)K(?!\w)", lambda match, _: f"{_cardinal(int(match['n']))} K"),
        (rf"(?P<n>{number})\+(?!\s?[\d(])", lambda match, _: f"{rules.numbers.say(match['n'])} plus"),
    ]  # fmt: skip


_YEAR_WORDS = frozenset(
    "in since of by from until till before after around year during for and to early late mid "
    "circa between through fall summer spring winter copyright".split(" ")
)
_POSTAL = re.compile(r"[A-Z]{2},?|(?i:zip|zipcode|code|postcode),?:?")


def _is_year(number: int, before: str) -> bool:
    before = before.strip("(,").lower()
    return 1900 <= number <= 2099 or (1000 < number < 2100 and before in _YEAR_WORDS - {"for", "to"})


RULES = Rules(ENGLISH, own_rules)
