"""Spanish."""

from tts.normalise.cardinals import cardinals
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("es")
_MONTHS, _NAMES = months(
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)
_ORDINALS = (
    "", "primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo",
    "noveno", "décimo", "undécimo", "duodécimo",
)  # fmt: skip
_PARTS = {2: "medio", 3: "tercio", 4: "cuarto", 9: "noveno"}
_NUMBERED = names("siglo Siglo capítulo Capítulo tomo Tomo volumen Volumen parte acto Guerra tipo")


def _agree(number: str, gender: str) -> str:
    if gender == "f":
        number = number.replace("cientos", "cientas")
        return number[:-1] + "a" if number.endswith("uno") else number
    if gender and number.endswith("veintiuno"):
        return number[:-3] + "ún"
    return number[:-1] if gender and number.endswith("uno") else number


def _ordinal(number: int, mark: str) -> str:
    word = _ORDINALS[number] if number < len(_ORDINALS) else _cardinal(number)
    if mark in ("ª", "a", ".ª") and word.endswith("o"):
        return word[:-1] + "a"
    return word[:-1] if mark in ("er", ".er") and number in (1, 3) else word


def _date(day: int, month: int, year: str, _before: str) -> str:
    first = "primero" if day == 1 else _cardinal(day)
    return f"{first} de {_MONTHS[month - 1]}" + (f" de {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = _agree(_cardinal(hour), "f")
    few = "y " if minute < 10 else ""
    return f"{spoken} {few}{_cardinal(minute)}" if minute else f"{spoken} en punto"


def _fraction(over: int, under: int) -> str:
    part = _PARTS.get(under) or (_ORDINALS[under] if under <= 10 else f"{_cardinal(under)}avo")
    return f"{_agree(_cardinal(over), 'm')} {part}{'s' * (over != 1)}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} al {'cuadrado' if exponent == 2 else 'cubo'}"
    return f"{base} elevado a {'menos ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    if not name[:1].isupper():
        return None
    return _ordinal(value, "ª" if name.endswith("a") or name == "Isabel" else "")


RULES = Rules(
    Language(
        code="es",
        cardinal=_cardinal,
        agree=_agree,
        point="coma",
        signs=signs(
            "menos; más; más o menos; por; entre; igual a; menor que; mayor que; "
            "menor o igual que; mayor o igual que; distinto de; aproximadamente; a; "
            "raíz de; infinito; elevado a; y; "
            "arroba; número; punto; párrafo; barra; por; a",
            version="punto",
        ),
        units=units(
            "kilómetro por hora|kilómetros por hora; metro por segundo|metros por segundo; "
            "kilómetro|kilómetros; metro|metros; centímetro|centímetros; milímetro|milímetros; "
            "kilo|kilos; gramo|gramos; miligramo|miligramos; f:tonelada|toneladas; litro|litros; "
            "mililitro|mililitros; metro cuadrado|metros cuadrados; "
            "kilómetro cuadrado|kilómetros cuadrados; metro cúbico|metros cúbicos; f:hora|horas; "
            "minuto|minutos; segundo|segundos; milisegundo|milisegundos; "
            "grado Celsius|grados Celsius; grado Fahrenheit|grados Fahrenheit; grado|grados; "
            "por ciento; por mil; hercio|hercios; megahercio|megahercios; gigahercio|gigahercios; "
            "vatio|vatios; kilovatio|kilovatios; kilovatio hora|kilovatios hora; voltio|voltios; "
            "amperio|amperios; decibelio|decibelios; kilocaloría|kilocalorías; kilobyte|kilobytes; "
            "megabyte|megabytes; gigabyte|gigabytes; terabyte|terabytes; "
            "megabit por segundo|megabits por segundo"
        ),
        money=currencies(
            "dólar|dólares / centavo|centavos; dólar|dólares / centavo|centavos; "
            "euro|euros / céntimo|céntimos; f:libra|libras / penique|peniques; yen|yenes / sen; "
            "franco suizo|francos suizos / céntimo|céntimos; esloti|eslotis / grosz; "
            "rublo|rublos / kopek|kopeks; f:lira|liras / kurus; real|reales / centavo|centavos; "
            "won|wones / jeon; centavo|centavos / centavo|centavos; "
            "f:rupia|rupias / paisa"
        ),
        change=lambda major, _cents, number, _few: f"{major} con {number}",
        powers=nouns(
            {
                "mil K k": "mil",
                "M millón millones": "millón|millones",
                "billón billones": "billón|billones",
            }
        ),
        of=lambda noun: f"de {noun}",
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks=r"\.?[ºª°]|\.?er|\.?[oa](?=\s|$)",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} y {fraction.removeprefix('un ')}",
        power=_power,
        version="versión",
        code_of="un código de {} caracteres",
        abbreviations=words(
            {
                "Sr.": "señor",
                "Sra.": "señora",
                "Srta.": "señorita",
                "Dr.": "doctor",
                "Dra.": "doctora",
                "D.": "don",
                "Ud.": "usted",
                "Uds.": "ustedes",
                "etc.": "etcétera",
                "p.ej.": "por ejemplo",
                "aprox.": "aproximadamente",
                "Av. Avda.": "avenida",
                "EE.UU.": "Estados Unidos",
                "vs. vs": "versus",
                "tel. Tel.": "teléfono",
                "C++": "C más más",
            }
        ),
        before_numbers=words(
            {
                "n.º nº núm. Núm. N.º Nº #": "número",
                "pág. p.": "página",
                "págs. pp.": "páginas",
                "art.": "artículo",
                "cap.": "capítulo",
                "fig. Fig.": "figura",
                "vol.": "volumen",
                "§": "párrafo",
            }
        ),
        regnal=_regnal,
        links=("de", "del"),
    )
)
