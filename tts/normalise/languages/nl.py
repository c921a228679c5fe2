"""Dutch."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("nl")
_MONTHS, _NAMES = months(
    "januari februari maart april mei juni juli augustus september oktober november december"
)
_PARTS = {2: "half"}
_NUMBERED = names("hoofdstuk Hoofdstuk deel Deel akte Wereldoorlog type band")


def _ordinal(number: int, _mark: str = "") -> str:
    return num2words(number, "nl", "ordinal")


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if not 1100 <= year < 2000 or not rest:
        return _cardinal(year)
    return _cardinal(century) + "honderd" * (rest < 10) + _cardinal(rest)


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{_cardinal(day)} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{_cardinal(hour)} uur"
    return f"{spoken} {_cardinal(minute)}" if minute else spoken


def _fraction(over: int, under: int) -> str:
    part = {2: "half", 4: "kwart"}.get(under) or _ordinal(under)
    return f"{'een' if over == 1 else _cardinal(over)} {part}"


def _power(base: str, exponent: int) -> str:
    if exponent == 2:
        return f"{base} kwadraat"
    return f"{base} tot de macht {'min ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    return f"de {_ordinal(value)}" if name[:1].isupper() else None


RULES = Rules(
    Language(
        code="nl",
        cardinal=_cardinal,
        point="komma",
        signs=signs(
            "min; plus; plus of min; keer; gedeeld door; is gelijk aan; kleiner dan; groter dan; "
            "kleiner dan of gelijk aan; groter dan of gelijk aan; niet gelijk aan; ongeveer; naar; "
            "de wortel van; oneindig; tot de macht; en; apenstaartje; nummer; punt; paragraaf; "
            "schuine streep; per; tot",
            version="punt",
        ),
        units=units(
            "kilometer per uur; meter per seconde; kilometer; meter; centimeter; millimeter; kilo; "
            "gram; milligram; ton; liter; milliliter; vierkante meter; vierkante kilometer; "
            "kubieke meter; uur; minuut|minuten; seconde|seconden; milliseconde|milliseconden; "
            "graad Celsius|graden Celsius; graad Fahrenheit|graden Fahrenheit; graad|graden; "
            "procent; promille; hertz; megahertz; "
            "gigahertz; watt; kilowatt; kilowattuur; volt; ampère; decibel; "
            "kilocalorie|kilocalorieën; kilobyte; megabyte; gigabyte; terabyte; "
            "megabit per seconde"
        )
        | nouns({"uur": "uur"}),
        money=currencies(
            "dollar / cent; dollar / cent; euro / cent; pond / penny|pence; yen / sen; "
            "Zwitserse frank / rappen; zloty / grosz; roebel / kopeke|kopeken; lira / kuruş; "
            "real / centavo; won / jeon; cent / cent; "
            "rupee / paisa"
        ),
        change=lambda major, _cents, number, _few: f"{major} {number}",
        powers=nouns(
            {"k duizend": "duizend", "M mln mln. miljoen": "miljoen", "mld mld. miljard": "miljard"}
        ),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        year=_year,
        ordinal=_ordinal,
        ordinal_marks="ste|de|e",
        roman_marks="e",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} en {fraction}",
        power=_power,
        version="versie",
        code_of="een code van {} tekens",
        abbreviations=words(
            {
                "dhr.": "de heer",
                "Dhr.": "De heer",
                "mevr.": "mevrouw",
                "Mevr.": "Mevrouw",
                "dr. Dr.": "dokter",
                "prof. Prof.": "professor",
                "bijv. bv.": "bijvoorbeeld",
                "d.w.z.": "dat wil zeggen",
                "enz.": "enzovoort",
                "etc.": "et cetera",
                "o.a.": "onder andere",
                "ca.": "circa",
                "m.a.w.": "met andere woorden",
                "incl.": "inclusief",
                "tel. Tel.": "telefoon",
                "vs. vs": "versus",
                "C++": "C plus plus",
                "St.": "Sint",
            }
        ),
        before_numbers=words(
            {
                "nr. Nr. #": "nummer",
                "blz. p.": "pagina",
                "art.": "artikel",
                "hfst.": "hoofdstuk",
                "fig. Fig.": "figuur",
                "§": "paragraaf",
            }
        ),
        regnal=_regnal,
        hour_words=("uur",),
    )
)
