"""Turkish."""

import re

from tts.normalise.cardinals import turkish
from tts.normalise.language import Language, nouns, unchanging, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.readers import Place, Read
from tts.normalise.rules import Rules

_MONTHS, _NAMES = months(
    "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"
)
_WORDS = (
    "sıfır bir iki üç dört beş altı yedi sekiz dokuz on yirmi otuz kırk elli altmış yetmiş "
    "seksen doksan yüz bin milyon milyar"
)
_ORDINALS = (
    "sıfırıncı birinci ikinci üçüncü dördüncü beşinci altıncı yedinci sekizinci dokuzuncu onuncu "
    "yirminci otuzuncu kırkıncı ellinci altmışıncı yetmişinci sekseninci doksanıncı yüzüncü "
    "bininci milyonuncu milyarıncı"
)
_IN = (
    "sıfırda birde ikide üçte dörtte beşte altıda yedide sekizde dokuzda onda yirmide otuzda "
    "kırkta ellide altmışta yetmişte seksende doksanda yüzde binde milyonda milyarda"
)
_ORDINAL_OF = dict(zip(_WORDS.split(), _ORDINALS.split(), strict=True))
_IN_OF = dict(zip(_WORDS.split(), _IN.split(), strict=True))


def _with_last(number: int, forms: dict[str, str]) -> str:
    *first, last = turkish(number).split()
    return " ".join([*first, forms.get(last, last)])


def _ordinal(number: int, _mark: str = "") -> str:
    return _with_last(number, _ORDINAL_OF)


def _dotted_ordinal(number: int, _before: str, following: str) -> str | None:
    return _ordinal(number) if following.islower() else None


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{turkish(day)} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    zero = "sıfır " if minute < 10 else ""
    return f"{turkish(hour)} {zero}{turkish(minute)}" if minute else turkish(hour)


def _fraction(over: int, under: int) -> str:
    return f"{_with_last(under, _IN_OF)} {turkish(over)}"


def _mixed(whole: str, fraction: str) -> str:
    return f"{whole} buçuk" if fraction == "ikide bir" else f"{whole} tam {fraction}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} {'kare' if exponent == 2 else 'küp'}"
    return f"{base} üzeri {'eksi ' if exponent < 0 else ''}{turkish(abs(exponent))}"


def _own(rules: Rules) -> list[tuple[str, Read]]:
    number = rules.numbers.pattern

    def percent(match: re.Match[str], _: Place) -> str:
        until = match["until"]
        spoken = rules.numbers.say(match["value"])
        return f"yüzde {spoken}" + (f" ila {rules.numbers.say(until)}" if until else "")

    return [
        (rf"%\s?(?P<value>{number})(?:\s?[-–]\s?%?(?P<until>{number}))?", percent),
        (rf"(?P<value>{number})(?:\s?[-–]\s?(?P<until>{number}))?\s?%", percent),
    ]


RULES = Rules(
    Language(
        code="tr",
        cardinal=turkish,
        plural=unchanging,
        after_fraction=None,
        point="virgül",
        signs=signs(
            "eksi; artı; artı eksi; çarpı; bölü; eşittir; küçüktür; büyüktür; küçük eşittir; "
            "büyük eşittir; eşit değildir; yaklaşık; oraya; karekök; sonsuz; üzeri; ve; et; "
            "numara; nokta; paragraf; bölü; bölü; ila",
            version="nokta",
        ),
        units=units(
            "kilometre bölü saat; metre bölü saniye; kilometre; metre; santimetre; milimetre; "
            "kilogram; gram; miligram; ton; litre; mililitre; metrekare; kilometrekare; metreküp; "
            "saat; dakika; saniye; milisaniye; santigrat derece; fahrenhayt derece; derece; yüzde; "
            "binde; hertz; megahertz; gigahertz; vat; kilovat; kilovatsaat; volt; amper; desibel; "
            "kilokalori; kilobayt; megabayt; gigabayt; terabayt; megabit bölü saniye"
        )
        | nouns({"km/sa": "kilometre bölü saat", "sa": "saat", "dk": "dakika", "sn": "saniye"}),
        money=currencies(
            "dolar / sent; dolar / sent; avro / sent; sterlin / peni; yen / sen; "
            "İsviçre frangı / santim; zloti / groş; ruble / kapik; lira / kuruş; real / sentavo; "
            "von / çon; sent / sent; "
            "rupi / paisa"
        )
        | {"TL": (nouns({"l": "lira"})["l"], nouns({"k": "kuruş"})["k"])},
        change=lambda major, _cents, _number, few: f"{major} {few}",
        powers=nouns({"bin": "bin", "mn milyon": "milyon", "mr milyar": "milyar"}),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks="['’]?(?:inci|ıncı|uncu|üncü|nci|ncı)",
        dotted_ordinal=_dotted_ordinal,
        fraction=_fraction,
        mixed=_mixed,
        power=_power,
        version="sürüm",
        code_of="{} karakterlik bir kod",
        abbreviations=words(
            {
                "Dr.": "Doktor",
                "Prof.": "Profesör",
                "Doç.": "Doçent",
                "Av.": "Avukat",
                "vb.": "ve benzeri",
                "vs.": "vesaire",
                "örn.": "örneğin",
                "yy.": "yüzyıl",
                "Cad.": "Caddesi",
                "Sok.": "Sokak",
                "Tel.": "Telefon",
                "C++": "C artı artı",
            }
        ),
        before_numbers=words(
            {"No. no. No: #": "numara", "s.": "sayfa", "Şek.": "şekil", "md.": "madde"}
        ),
    ),
    _own,
)
