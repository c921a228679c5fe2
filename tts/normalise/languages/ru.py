"""Russian."""

import re

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("ru")
_MONTHS, _NAMES = months(
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
_NUMBERED = names("глава Глава часть Часть том Том тип акт")
_ENDINGS = {
    "ого": ("ого", "ьего"), "ом": ("ом", "ьем"), "ая": ("ая", "ья"), "ой": ("ой", "ьей"),
    "ых": ("ых", "ьих"), "му": ("ому", "ьему"),
}  # fmt: skip
_TENTHS = ("", "десят", "сот", "тысячн")
_WOMEN = names("Екатерина Елизавета Мария Анна")


def _agree(number: str, gender: str) -> str:
    if gender in ("f", "n") and number.endswith("один"):
        return number[:-4] + ("одна" if gender == "f" else "одно")
    return number[:-3] + "две" if gender == "f" and re.search(r"\bдва$", number) else number


def _plural(number: int) -> int:
    if number % 100 in (11, 12, 13, 14):
        return 2
    return {1: 0, 2: 1, 3: 1, 4: 1}.get(number % 10, 2)


def _ordinal(number: int, mark: str = "") -> str:
    """Its last word with an ending: ый by itself, ого, ом, ая, ой, ых."""
    word = num2words(number, "ru", "ordinal")
    case = {"го": "ого", "я": "ая", "ая": "ая", "м": "ом", "ом": "ом", "му": "му"}.get(
        mark.lstrip("-"), mark
    )
    if case not in _ENDINGS:
        return word
    usual, soft = _ENDINGS[case]
    return word[:-2] + (soft if word.endswith("третий") else usual)


def _year(year: int) -> str:
    return _ordinal(year, "ого")


def _decimals(whole: int, decimals: str) -> str:
    """3,14: "три целых четырнадцать сотых"."""
    over = int(decimals)
    one, part = _agree(_cardinal(whole), "f"), _agree(_cardinal(over), "f")
    singular = _plural(over) == 0 and over
    return (
        f"{one} цел{'ая' if _plural(whole) == 0 and whole else 'ых'} "
        f"{part} {_TENTHS[len(decimals)]}{'ая' if singular else 'ых'}"
    )


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{_ordinal(day, 'ого')} {_MONTHS[month - 1]}" + (f" {year} года" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    if minute:
        return f"{_cardinal(hour)} {'ноль ' if minute < 10 else ''}{_cardinal(minute)}"
    return f"{_cardinal(hour)} {('час', 'часа', 'часов')[_plural(hour)]}"


def _fraction(over: int, under: int) -> str:
    one = over == 1
    return f"{_agree(_cardinal(over), 'f')} {_ordinal(under, 'ая' if one else 'ых')}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} в {'квадрате' if exponent == 2 else 'кубе'}"
    return f"{base} в степени {'минус ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    return _ordinal(value, "ая" if name in _WOMEN else "") if name[:1].isupper() else None


RULES = Rules(
    Language(
        code="ru",
        cardinal=_cardinal,
        agree=_agree,
        plural=_plural,
        after_fraction=1,
        group="[\u00a0\u202f .]",
        point="запятая",
        decimals=_decimals,
        signs=signs(
            "минус; плюс; плюс-минус; умножить на; разделить на; равно; меньше; больше; "
            "меньше или равно; больше или равно; не равно; примерно; в; корень из; бесконечность; "
            "в степени; и; собака; номер; точка; параграф; дробь; в; –",
            version="точка",
        ),
        units=units(
            "километр в час|километра в час|километров в час; "
            "метр в секунду|метра в секунду|метров в секунду; километр|километра|километров; "
            "метр|метра|метров; сантиметр|сантиметра|сантиметров; "
            "миллиметр|миллиметра|миллиметров; килограмм|килограмма|килограммов; "
            "грамм|грамма|граммов; миллиграмм|миллиграмма|миллиграммов; f:тонна|тонны|тонн; "
            "литр|литра|литров; миллилитр|миллилитра|миллилитров; "
            "квадратный метр|квадратных метра|квадратных метров; "
            "квадратный километр|квадратных километра|квадратных километров; "
            "кубический метр|кубических метра|кубических метров; час|часа|часов; "
            "f:минута|минуты|минут; f:секунда|секунды|секунд; "
            "f:миллисекунда|миллисекунды|миллисекунд; "
            "градус Цельсия|градуса Цельсия|градусов Цельсия; "
            "градус Фаренгейта|градуса Фаренгейта|градусов Фаренгейта; градус|градуса|градусов; "
            "процент|процента|процентов; промилле; герц|герца|герц; мегагерц|мегагерца|мегагерц; "
            "гигагерц|гигагерца|гигагерц; ватт|ватта|ватт; киловатт|киловатта|киловатт; "
            "киловатт-час|киловатт-часа|киловатт-часов; вольт|вольта|вольт; ампер|ампера|ампер; "
            "децибел|децибела|децибел; f:килокалория|килокалории|килокалорий; "
            "килобайт|килобайта|килобайт; мегабайт|мегабайта|мегабайт; гигабайт|гигабайта|гигабайт;"
            "терабайт|терабайта|терабайт; "
            "мегабит в секунду|мегабита в секунду|мегабит в секунду"
        )
        | nouns(
            {
                "км/ч": "километр в час|километра в час|километров в час",
                "км": "километр|километра|километров",
                "м": "метр|метра|метров",
                "см": "сантиметр|сантиметра|сантиметров",
                "мм": "миллиметр|миллиметра|миллиметров",
                "кг": "килограмм|килограмма|килограммов",
                "г": "грамм|грамма|граммов",
                "л": "литр|литра|литров",
                "мл": "миллилитр|миллилитра|миллилитров",
                "ч": "час|часа|часов",
                "мин": "f:минута|минуты|минут",
                "сек": "f:секунда|секунды|секунд",
                "ГБ": "гигабайт|гигабайта|гигабайт",
                "м²": "квадратный метр|квадратных метра|квадратных метров",
            }
        ),
        money=currencies(
            "доллар|доллара|долларов / цент|цента|центов; доллар|доллара|долларов / "
            "цент|цента|центов; евро / цент|цента|центов; фунт|фунта|фунтов / пенни; иена|иены|иен "
            "/ сен; швейцарский франк|швейцарских франка|швейцарских франков / сантим; "
            "злотый|злотых|злотых / грош|гроша|грошей; рубль|рубля|рублей / f:копейка|копейки|"
            "копеек; f:лира|лиры|лир / куруш; реал|реала|реалов / сентаво; вон / чон; "
            "цент|цента|центов / цент|цента|центов; "
            "f:рупия|рупии|рупий / пайса"
        )
        | {
            "руб.": (
                nouns({"r": "рубль|рубля|рублей"})["r"],
                nouns({"k": "f:копейка|копейки|копеек"})["k"],
            )
        },
        change=lambda major, _cents, _number, few: f"{major} {few}",
        powers=nouns(
            {
                "тыс. тыс тысяча тысячи тысяч": "f:тысяча|тысячи|тысяч",
                "млн млн. миллион миллиона миллионов": "миллион|миллиона|миллионов",
                "млрд млрд. миллиард миллиарда миллиардов": "миллиард|миллиарда|миллиардов",
            }
        ),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        year=_year,
        ordinal=_ordinal,
        ordinal_marks="-(?:го|му|ый|ой|ий|ая|ом|й|я|м)",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole} и {fraction}",
        power=_power,
        version="версия",
        code_of="код длиной {} символов",
        abbreviations=words(
            {
                "т.е.": "то есть",
                "т.д.": "так далее",
                "т.п.": "тому подобное",
                "др.": "другие",
                "т.к.": "так как",
                "проф.": "профессор",
                "г-н": "господин",
                "г-жа": "госпожа",
                "ул.": "улица",
                "тел.": "телефон",
                "C++": "си плюс плюс",
                "напр.": "например",
            }
        ),
        before_numbers=words(
            {
                "№ #": "номер",
                "стр. с.": "страница",
                "рис. Рис.": "рисунок",
                "гл.": "глава",
                "ст.": "статья",
                "§": "параграф",
                "д.": "дом",
                "кв.": "квартира",
            }
        ),
        regnal=_regnal,
        links=("года", "году", "год"),
    ),
    lambda _: [
        (
            r"(?P<year>[12]\d{3})\s(?P<word>года|году|год)(?!\w)",
            lambda match, _: (
                _ordinal(int(match["year"]), {"года": "ого", "году": "ом"}.get(match["word"], ""))
                + f" {match['word']}"
            ),
        ),
        (
            rf"(?P<day>\d{{1,2}})\s(?P<name>{'|'.join(_NAMES)})\s(?P<year>\d{{4}})\sгода",
            lambda match, _: _date(
                int(match["day"]), _NAMES[match["name"]], _year(int(match["year"])), ""
            ),
        ),
    ],
)
