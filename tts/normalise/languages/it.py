"""Italian."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("it")
_MONTHS, _NAMES = months(
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"
)
_PARTS = {2: "mezzo"}
_NUMBERED = names("capitolo Capitolo tomo Tomo volume parte Parte atto Atto tipo")


def _agree(number: str, gender: str) -> str:
    if number == "uno" and gender:
        return "una" if gender == "f" else "un"
    return number


def _ordinal(number: int, mark: str) -> str:
    word = num2words(number, "it", "ordinal")
    return word[:-1] + "a" if mark in ("ª", "a") else word


def _date(day: int, month: int, year: str, _before: str) -> str:
    first = "primo" if day == 1 else _cardinal(day)
    return f"{first} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = _agree(_cardinal(hour), "f") if hour == 1 else _cardinal(hour)
    return f"{spoken} e {_cardinal(minute)}" if minute else spoken


def _fraction(over: int, under: int) -> str:
    part = _PARTS.get(under) or _ordinal(under, "")
    return f"{_agree(_cardinal(over), 'm')} {part if over == 1 else part[:-1] + 'i'}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} al {'quadrato' if exponent == 2 else 'cubo'}"
    return f"{base} elevato a {'meno ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    if not name[:1].isupper():
        return None
    return _ordinal(value, "ª" if name in ("Elisabetta", "Guerra", "Caterina", "Vittoria") else "")


RULES = Rules(
    Language(
        code="it",
        cardinal=_cardinal,
        agree=_agree,
        point="virgola",
        signs=signs(
            "meno; più; più o meno; per; diviso; uguale a; minore di; maggiore di; "
            "minore o uguale a; maggiore o uguale a; diverso da; circa; a; radice di; infinito; "
            "elevato a; e; chiocciola; numero; punto; paragrafo; barra; per; a",
            version="punto",
        ),
        units=units(
            "chilometro orario|chilometri orari; metro al secondo|metri al secondo; "
            "chilometro|chilometri; metro|metri; centimetro|centimetri; millimetro|millimetri; "
            "chilo|chili; grammo|grammi; milligrammo|milligrammi; f:tonnellata|tonnellate; "
            "litro|litri; millilitro|millilitri; metro quadrato|metri quadrati; "
            "chilometro quadrato|chilometri quadrati; metro cubo|metri cubi; f:ora|ore; "
            "minuto|minuti; secondo|secondi; millisecondo|millisecondi; "
            "grado Celsius|gradi Celsius; grado Fahrenheit|gradi Fahrenheit; grado|gradi; "
            "per cento; per mille; hertz; megahertz; gigahertz; watt; kilowatt; kilowattora; volt; "
            "ampere; decibel; f:chilocaloria|chilocalorie; kilobyte; megabyte; gigabyte; terabyte; "
            "megabit al secondo"
        ),
        money=currencies(
            "dollaro|dollari / centesimo|centesimi; dollaro|dollari / centesimo|centesimi; "
            "euro / centesimo|centesimi; f:sterlina|sterline / penny|pence; yen / sen; "
            "franco svizzero|franchi svizzeri / centesimo|centesimi; zloty / grosz; "
            "rublo|rubli / copeco|copechi; f:lira turca|lire turche / kuruş; "
            "real / centavo|centavos; won / jeon; centesimo|centesimi / centesimo|centesimi; "
            "f:rupia|rupie / paisa"
        ),
        change=lambda major, _cents, number, _few: f"{major} e {number}",
        powers=nouns(
            {
                "k mila": "mila",
                "M mln milione milioni": "milione|milioni",
                "mld miliardo miliardi": "miliardo|miliardi",
            }
        ),
        of=lambda noun: f"di {noun}",
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks="[º°ª]",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} e {fraction.removeprefix('un ')}",
        power=_power,
        version="versione",
        code_of="un codice di {} caratteri",
        abbreviations=words(
            {
                "Sig.": "signor",
                "Sig.ra": "signora",
                "Dott.": "dottor",
                "dott.": "dottor",
                "Dott.ssa": "dottoressa",
                "Prof.": "professor",
                "ecc.": "eccetera",
                "p.es.": "per esempio",
                "ca.": "circa",
                "tel. Tel.": "telefono",
                "vs. vs": "contro",
                "C++": "C più più",
            }
        ),
        before_numbers=words(
            {
                "n. N. n° #": "numero",
                "pag. p.": "pagina",
                "pagg. pp.": "pagine",
                "art.": "articolo",
                "cap.": "capitolo",
                "fig. Fig.": "figura",
                "vol.": "volume",
                "§": "paragrafo",
            }
        ),
        regnal=_regnal,
    )
)
