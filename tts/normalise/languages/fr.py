"""French."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("fr")
_MONTHS, _NAMES = months(
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
)
_PARTS = {2: "demi", 3: "tiers", 4: "quart"}
_NUMBERED = names(
    "chapitre Chapitre tome Tome volume acte Acte partie Partie scène Guerre guerre type"
)


def _agree(number: str, gender: str) -> str:
    ends_in_one = number == "un" or number.endswith((" un", "-un"))
    return number + "e" if gender == "f" and ends_in_one else number


def _ordinal(number: int, mark: str) -> str:
    word = num2words(number, "fr", "ordinal")
    if number == 1:
        return "première" if mark in ("re", "ère") else "premier"
    return word + "s" * mark.endswith("s")


def _date(day: int, month: int, year: str, _before: str) -> str:
    first = "premier" if day == 1 else _cardinal(day)
    return f"{first} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{_agree(_cardinal(hour), 'f')} heure{'s' * (hour > 1)}"
    return f"{spoken} {_cardinal(minute)}" if minute else spoken


def _fraction(over: int, under: int) -> str:
    part = _PARTS.get(under) or num2words(under, "fr", "ordinal")
    return f"{_cardinal(over)} {part}{'s' * (over > 1 and not part.endswith('s'))}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} au {'carré' if exponent == 2 else 'cube'}"
    return f"{base} puissance {'moins ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    if not name[:1].isupper():
        return None
    return "premier" if value == 1 else _cardinal(value)


RULES = Rules(
    Language(
        code="fr",
        cardinal=_cardinal,
        agree=_agree,
        plural=lambda number: int(number > 1),
        after_fraction=None,
        group="[\u00a0\u202f .]",
        point="virgule",
        signs=signs(
            "moins; plus; plus ou moins; fois; divisé par; égale; inférieur à; supérieur à; "
            "inférieur ou égal à; supérieur ou égal à; différent de; environ; vers; racine de; "
            "l'infini; puissance; et; arobase; numéro; point; paragraphe; barre; par; à",
            version="point",
        ),
        units=units(
            "kilomètre-heure|kilomètres-heure; mètre par seconde|mètres par seconde; "
            "kilomètre|kilomètres; mètre|mètres; centimètre|centimètres; millimètre|millimètres; "
            "kilo|kilos; gramme|grammes; milligramme|milligrammes; f:tonne|tonnes; litre|litres; "
            "millilitre|millilitres; mètre carré|mètres carrés; "
            "kilomètre carré|kilomètres carrés; mètre cube|mètres cubes; f:heure|heures; "
            "f:minute|minutes; f:seconde|secondes; milliseconde|millisecondes; "
            "degré Celsius|degrés Celsius; degré Fahrenheit|degrés Fahrenheit; degré|degrés; "
            "pour cent; pour mille; hertz; mégahertz; gigahertz; watt|watts; kilowatt|kilowatts; "
            "kilowattheure|kilowattheures; volt|volts; ampère|ampères; décibel|décibels; "
            "f:kilocalorie|kilocalories; kilo-octet|kilo-octets; mégaoctet|mégaoctets; "
            "gigaoctet|gigaoctets; téraoctet|téraoctets; "
            "mégabit par seconde|mégabits par seconde"
        )
        | nouns({"Go": "gigaoctet|gigaoctets", "Mo": "mégaoctet|mégaoctets"}),
        money=currencies(
            "dollar|dollars / cent|cents; dollar|dollars / cent|cents; "
            "euro|euros / centime|centimes; f:livre|livres / penny|pence; yen|yens / sen; "
            "franc suisse|francs suisses / centime|centimes; zloty|zlotys / grosz; "
            "rouble|roubles / kopeck|kopecks; f:livre turque|livres turques / kuruş; "
            "réal|réals / centavo|centavos; won|wons / jeon; cent|cents / cent|cents; "
            "f:roupie|roupies / paisa"
        ),
        change=lambda major, _cents, number, _few: f"{major} {number}",
        powers=nouns(
            {
                "k K mille": "mille",
                "M million millions": "million|millions",
                "Md Mds milliard milliards": "milliard|milliards",
            }
        ),
        of=lambda noun: f"d'{noun}" if noun[0] in "aeiouéh" else f"de {noun}",
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks="ères|ère|ers|er|re|èmes|ème|nde|nd|es|e",
        roman_marks="ème|e",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} et {fraction.removeprefix('un ')}",
        power=_power,
        version="version",
        code_of="un code de {} caractères",
        abbreviations=words(
            {
                "M.": "monsieur",
                "MM.": "messieurs",
                "Mme": "madame",
                "Mme.": "madame",
                "Mlle": "mademoiselle",
                "Dr": "docteur",
                "Dr.": "docteur",
                "Pr": "professeur",
                "etc.": "et cetera",
                "p.ex.": "par exemple",
                "env.": "environ",
                "av.": "avenue",
                "bd.": "boulevard",
                "St": "Saint",
                "Ste": "Sainte",
                "vs. vs": "versus",
                "Ier": "premier",
                "Ire": "première",
                "tél. Tél.": "téléphone",
                "C++": "C plus plus",
            }
        ),
        before_numbers=words(
            {
                "n° N° nº #": "numéro",
                "p. P.": "page",
                "pp.": "pages",
                "art.": "article",
                "chap.": "chapitre",
                "fig. Fig.": "figure",
                "vol.": "volume",
                "§": "paragraphe",
            }
        ),
        regnal=_regnal,
    )
)
