"""Portuguese, as it is spoken in Brazil."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_MONTHS, _NAMES = months(
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
)
_PARTS = {2: "meio", 3: "terço"}
_NUMBERED = names("século Século capítulo Capítulo tomo Tomo volume parte ato Guerra tipo")


_cardinal = cardinals("pt_BR")


def _agree(number: str, gender: str) -> str:
    if gender != "f":
        return number
    number = number.replace("entos", "entas")
    if number == "um" or number.endswith(" um"):
        return number + "a"
    return number[:-4] + "duas" if number == "dois" or number.endswith(" dois") else number


def _ordinal(number: int, mark: str) -> str:
    word = num2words(number, "pt_BR", "ordinal")
    return word[:-1] + "a" if mark.strip(".") in ("ª", "a") else word


def _date(day: int, month: int, year: str, _before: str) -> str:
    first = "primeiro" if day == 1 else _cardinal(day)
    return f"{first} de {_MONTHS[month - 1]}" + (f" de {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = _agree(_cardinal(hour), "f")
    return f"{spoken} e {_cardinal(minute)}" if minute else f"{spoken} hora{'s' * (hour != 1)}"


def _fraction(over: int, under: int) -> str:
    part = _PARTS.get(under) or (_ordinal(under, "") if under <= 10 else f"{_cardinal(under)} avo")
    return f"{_cardinal(over)} {part}{'s' * (over != 1)}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} ao {'quadrado' if exponent == 2 else 'cubo'}"
    return f"{base} elevado a {'menos ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    if not name[:1].isupper():
        return None
    if value > 10:
        return _cardinal(value)
    return _ordinal(value, "ª" if name in ("Maria", "Isabel", "Elizabeth", "Catarina") else "")


RULES = Rules(
    Language(
        code="pt",
        cardinal=_cardinal,
        agree=_agree,
        point="vírgula",
        signs=signs(
            "menos; mais; mais ou menos; vezes; dividido por; igual a; menor que; maior que; "
            "menor ou igual a; maior ou igual a; diferente de; cerca de; para; raiz de; infinito; "
            "elevado a; e; arroba; número; ponto; parágrafo; barra; por; a",
            version="ponto",
        ),
        units=units(
            "quilômetro por hora|quilômetros por hora; metro por segundo|metros por segundo; "
            "quilômetro|quilômetros; metro|metros; centímetro|centímetros; milímetro|milímetros; "
            "quilo|quilos; grama|gramas; miligrama|miligramas; f:tonelada|toneladas; "
            "litro|litros; mililitro|mililitros; metro quadrado|metros quadrados; "
            "quilômetro quadrado|quilômetros quadrados; metro cúbico|metros cúbicos; "
            "f:hora|horas; minuto|minutos; segundo|segundos; milissegundo|milissegundos; "
            "grau Celsius|graus Celsius; grau Fahrenheit|graus Fahrenheit; grau|graus; por cento; "
            "por mil; hertz; megahertz; gigahertz; watt|watts; quilowatt|quilowatts; "
            "quilowatt-hora|quilowatts-hora; volt|volts; ampere|amperes; decibel|decibéis; "
            "quilocaloria|quilocalorias; quilobyte|quilobytes; megabyte|megabytes; "
            "gigabyte|gigabytes; terabyte|terabytes; megabit por segundo|megabits por segundo"
        ),
        money=currencies(
            "dólar|dólares / centavo|centavos; dólar|dólares / centavo|centavos; "
            "euro|euros / cêntimo|cêntimos; f:libra|libras / penny|pence; iene|ienes / sen; "
            "franco suíço|francos suíços / cêntimo|cêntimos; zloty / grosz; "
            "rublo|rublos / copeque|copeques; f:lira turca|liras turcas / kuruş; "
            "real|reais / centavo|centavos; won / jeon; centavo|centavos / centavo|centavos; "
            "f:rupia|rupias / paisa"
        ),
        change=lambda major, _cents, _number, few: f"{major} e {few}",
        powers=nouns(
            {
                "k mil": "mil",
                "M mi milhão milhões": "milhão|milhões",
                "bi bilhão bilhões": "bilhão|bilhões",
            }
        ),
        of=lambda noun: f"de {noun}",
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks=r"\.?[ºª°]",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} e {fraction.removeprefix('um meio') or 'meio'}",
        power=_power,
        version="versão",
        code_of="um código de {} caracteres",
        abbreviations=words(
            {
                "Sr.": "senhor",
                "Sra.": "senhora",
                "Dr.": "doutor",
                "Dra.": "doutora",
                "Prof.": "professor",
                "etc.": "etcétera",
                "p.ex.": "por exemplo",
                "aprox.": "aproximadamente",
                "Av.": "avenida",
                "R.": "rua",
                "tel. Tel.": "telefone",
                "vs. vs": "versus",
                "C++": "C mais mais",
            }
        ),
        before_numbers=words(
            {
                "n.º nº Nº n° #": "número",
                "pág. p.": "página",
                "págs. pp.": "páginas",
                "art.": "artigo",
                "cap.": "capítulo",
                "fig. Fig.": "figura",
                "vol.": "volume",
                "§": "parágrafo",
            }
        ),
        regnal=_regnal,
        links=("de", "do"),
    )
)
