"""Polish."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("pl")
_MONTHS, _NAMES = months(
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia"
)
_NUMBERED = names("rozdział Rozdział tom Tom część Część akt scena typ wiek wieku")
_LOCATIVE = names("w W o O po Po we We")
_ORDINAL_AFTER = names("w do na od po za przed ten tego tym ta tej tę jest")


def _agree(number: str, gender: str) -> str:
    if number == "jeden" and gender in ("f", "n"):
        return "jedna" if gender == "f" else "jedno"
    if gender == "f" and (number == "dwa" or number.endswith(" dwa")):
        return number[:-1] + "ie"
    return number


def _plural(number: int) -> int:
    if number == 1:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


def _ordinal(number: int, _mark: str = "", ending: str = "y") -> str:
    """Its words, each with the ending of an adjective: y, ego, ym, a, ej, e, ych."""
    if number == 0:
        return _inflect("zerowy", ending)
    return " ".join(_inflect(word, ending) for word in num2words(number, "pl", "ordinal").split())


def _inflect(word: str, ending: str) -> str:
    if ending == "y" or word[-1] not in "yi":
        return word
    stem = word[:-1]
    if word in ("drugi", "trzeci"):
        soft = "i" if word == "trzeci" or ending in ("ego", "ym", "ej", "ych") else ""
        return stem + soft + ending.replace("ym", "m").replace("ych", "ch")
    return stem + ending


def _year(year: int, ending: str = "ego") -> str:
    """As after a month: the last two words of the number are ordinals, in the genitive."""
    hundreds, rest = divmod(year, 100)
    if rest:
        return f"{_cardinal(hundreds * 100)} {_ordinal(rest, ending=ending)}"
    return _ordinal(year, ending=ending)


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{_ordinal(day, ending='ego')} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, before: str) -> str:
    ending = "ej" if before in _LOCATIVE or before in ("do", "od", "Do", "Od") else "a"
    spoken = _ordinal(hour, ending=ending) if hour else "zero"
    return f"{spoken} {_cardinal(minute)}" if minute else spoken


def _fraction(over: int, under: int) -> str:
    ending = ("a", "e", "ych")[_plural(over)]
    return f"{_agree(_cardinal(over), 'f')} {_ordinal(under, ending=ending)}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} do {'kwadratu' if exponent == 2 else 'sześcianu'}"
    minus = "minus " if exponent < 0 else ""
    return f"{base} do potęgi {minus}{_ordinal(abs(exponent), ending='ej')}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _ordinal(value) if name.startswith("wiek") else _cardinal(value)
    if not name[:1].isupper():
        return None
    return _ordinal(value, ending="a" if name.endswith("a") else "y")


def _dotted_ordinal(number: int, before: str, _following: str) -> str | None:
    return _ordinal(number) if before in ("ten", "jest", "Ten") else None


RULES = Rules(
    Language(
        code="pl",
        cardinal=_cardinal,
        agree=_agree,
        plural=_plural,
        after_fraction=3,
        group="[\u00a0\u202f .]",
        point="przecinek",
        signs=signs(
            "minus; plus; plus minus; razy; podzielić przez; równa się; mniejsze niż; "
            "większe niż; mniejsze lub równe; większe lub równe; różne od; około; do; "
            "pierwiastek z; nieskończoność; do potęgi; i; małpa; numer; kropka; paragraf; "
            "ukośnik; na; –",
            version="kropka",
        ),
        units=units(
            "kilometr na godzinę|kilometry na godzinę|kilometrów na godzinę|kilometra na godzinę; "
            "metr na sekundę|metry na sekundę|metrów na sekundę|metra na sekundę; "
            "kilometr|kilometry|kilometrów|kilometra; metr|metry|metrów|metra; "
            "centymetr|centymetry|centymetrów|centymetra; milimetr|milimetry|milimetrów|milimetra; "
            "kilogram|kilogramy|kilogramów|kilograma; gram|gramy|gramów|grama; "
            "miligram|miligramy|miligramów|miligrama; f:tona|tony|ton|tony; "
            "litr|litry|litrów|litra; mililitr|mililitry|mililitrów|mililitra; "
            "metr kwadratowy|metry kwadratowe|metrów kwadratowych|metra kwadratowego; "
            "kilometr kwadratowy|kilometry kwadratowe|kilometrów kwadratowych|"
            "kilometra kwadratowego; "
            "metr sześcienny|metry sześcienne|metrów sześciennych|metra sześciennego; "
            "f:godzina|godziny|godzin|godziny; f:minuta|minuty|minut|minuty; "
            "f:sekunda|sekundy|sekund|sekundy; f:milisekunda|milisekundy|milisekund|milisekundy; "
            "stopień Celsjusza|stopnie Celsjusza|stopni Celsjusza|stopnia Celsjusza; "
            "stopień Fahrenheita|stopnie Fahrenheita|stopni Fahrenheita|stopnia Fahrenheita; "
            "stopień|stopnie|stopni|stopnia; procent|procent|procent|procent; promil|promile|"
            "promili|promila; herc|herce|herców|herca; megaherc|megaherce|megaherców|megaherca; "
            "gigaherc|gigaherce|gigaherców|gigaherca; wat|waty|watów|wata; "
            "kilowat|kilowaty|kilowatów|kilowata; f:kilowatogodzina|kilowatogodziny|"
            "kilowatogodzin|kilowatogodziny; wolt|wolty|woltów|wolta; amper|ampery|amperów|ampera; "
            "decybel|decybele|decybeli|decybela; "
            "f:kilokaloria|kilokalorie|kilokalorii|kilokalorii; kilobajt|kilobajty|kilobajtów|"
            "kilobajta; megabajt|megabajty|megabajtów|megabajta; gigabajt|gigabajty|gigabajtów|"
            "gigabajta; terabajt|terabajty|terabajtów|terabajta; "
            "megabit na sekundę|megabity na sekundę|megabitów na sekundę|megabita na sekundę"
        ),
        money=currencies(
            "dolar|dolary|dolarów|dolara / cent|centy|centów; "
            "dolar|dolary|dolarów|dolara / cent|centy|centów; n:euro / cent|centy|centów; "
            "funt|funty|funtów|funta / pens|pensy|pensów; jen|jeny|jenów|jena / sen; "
            "frank szwajcarski|franki szwajcarskie|franków szwajcarskich|franka szwajcarskiego / "
            "centym|centymy|centymów; złoty|złote|złotych|złotego / grosz|grosze|groszy; "
            "rubel|ruble|rubli|rubla / kopiejka|kopiejki|kopiejek; "
            "f:lira|liry|lir|liry / kuruş; real|reale|reali|reala / centavo; won / jeon; "
            "cent|centy|centów / cent|centy|centów; "
            "f:rupia|rupie|rupii|rupii / pajsa"
        ),
        change=lambda major, _cents, _number, few: f"{major} {few}",
        powers=nouns(
            {
                "tys. tys tysiąc tysiące tysięcy": "tysiąc|tysiące|tysięcy|tysiąca",
                "mln mln. milion miliony milionów": "milion|miliony|milionów|miliona",
                "mld mld. miliard miliardy miliardów": "miliard|miliardy|miliardów|miliarda",
            }
        ),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        year=_year,
        ordinal=_ordinal,
        ordinal_marks=r"-?(?:szy|gi|ci|ty|my)",
        dotted_ordinal=_dotted_ordinal,
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} i {fraction}",
        power=_power,
        version="wersja",
        code_of="kod o długości {} znaków",
        abbreviations=words(
            {
                "dr": "doktor",
                "prof.": "profesor",
                "inż.": "inżynier",
                "mgr": "magister",
                "np.": "na przykład",
                "itd.": "i tak dalej",
                "itp.": "i tym podobne",
                "tzn.": "to znaczy",
                "tj.": "to jest",
                "ok.": "około",
                "m.in.": "między innymi",
                "ul.": "ulica",
                "al.": "aleja",
                "św.": "święty",
                "tel. Tel.": "telefon",
                "vs. vs": "kontra",
                "C++": "C plus plus",
            }
        ),
        before_numbers=words(
            {
                "nr Nr #": "numer",
                "str. s.": "strona",
                "rys. Rys.": "rysunek",
                "rozdz.": "rozdział",
                "art.": "artykuł",
                "§": "paragraf",
            }
        ),
        regnal=_regnal,
        links=("roku", "r"),
    ),
    lambda _: [
        (
            r"(?P<year>[12]\d{3})\s(?:roku?\b|r\.)",
            lambda match, place: (
                _year(int(match["year"]), "ym" if place.before in _LOCATIVE else "ego") + (" roku")
            ),
        )
    ],
)
