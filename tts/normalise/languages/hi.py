"""Hindi."""

import re

from tts.normalise.cardinals import hindi
from tts.normalise.language import Language, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.readers import Place, Read
from tts.normalise.rules import Rules

_MONTHS, _NAMES = months(
    "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "जन फरवरी मार्च अप्रैल मई जून जुला अग सितम्बर अक्तूबर नवम्बर दिसम्बर",
)
_ORDINALS = {1: "पहल", 2: "दूसर", 3: "तीसर", 4: "चौथ", 6: "छठ"}
"""Those that are words of their own, before the ending of their gender."""
_MARKS = "वाँ|वां|वें|वीं|ला|ली|ले|रा|री|रे|था|थी|थे|ठा|ठी|ठे|st|nd|rd|th"
_PARTS = {3: "तिहाई", 4: "चौथाई"}
_HALVES = {"एक": "डेढ़", "दो": "ढाई"}
_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")


def _ordinal(number: int, mark: str) -> str:
    female, many = mark in ("वीं", "ली", "री", "थी", "ठी"), mark in ("वें", "ले", "रे", "थे", "ठे")
    if stem := _ORDINALS.get(number):
        return stem + ("ी" if female else "े" if many else "ा")
    return hindi(number) + ("वीं" if female else "वें" if many else "वाँ")


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{hindi(day)} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _time(hour: int, minute: int, _before: str) -> str:
    return f"{hindi(hour)} बजकर {hindi(minute)} मिनट" if minute else f"{hindi(hour)} बजे"


def _year(year: int) -> str:
    hundreds, rest = divmod(year, 100)
    if 11 <= hundreds <= 19:
        return f"{hindi(hundreds)} सौ" + (f" {hindi(rest)}" if rest else "")
    return hindi(year)


def _fraction(over: int, under: int) -> str:
    if (over, under) == (1, 2):
        return "आधा"
    part = _PARTS.get(under)
    return f"{hindi(over)} {part}" if part else f"{hindi(over)} बटा {hindi(under)}"


def _mixed(whole: str, fraction: str) -> str:
    if fraction == "आधा":
        return _HALVES.get(whole, f"साढ़े {whole}")
    if fraction == "एक चौथाई":
        return "सवा" if whole == "एक" else f"सवा {whole}"
    return f"{whole} सही {fraction}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} का {'वर्ग' if exponent == 2 else 'घन'}"
    return f"{base} की घात {'माइनस ' if exponent < 0 else ''}{hindi(abs(exponent))}"


def _own(rules: Rules) -> list[tuple[str, Read]]:
    def in_our_figures(match: re.Match[str], place: Place) -> str:
        return rules.inside(match[0].translate(_DIGITS), place)

    def year(match: re.Match[str], place: Place) -> str | None:
        told = place.before == "सन्" or match.string[match.end() :].startswith(" में")
        return _year(int(match[0])) if told else None

    return [
        (r"(?<![\d:])[०-९]{1,2}:[०-९]{2}(?:\s?बजे)?(?![\d:])", in_our_figures),
        (r"(?<![\w.,])[1१]\d{3}(?![\d,.:])", year),
    ]


RULES = Rules(
    Language(
        code="hi",
        cardinal=hindi,
        after_fraction=None,
        decimal=".",
        group=",",
        lakhs=True,
        point="दशमलव",
        digits_after_point=True,
        signs=signs(
            "माइनस; प्लस; प्लस माइनस; गुणा; भागा; बराबर; लेस दैन; ग्रेटर दैन; लेस दैन या बराबर; "
            "ग्रेटर दैन या बराबर; बराबर नहीं; लगभग; से; वर्गमूल; अनंत; की घात; और; ऐट; नंबर; डॉट; "
            "धारा; स्लैश; प्रति; से",
            version="डॉट",
        ),
        units=units(
            "किलोमीटर प्रति घंटा; मीटर प्रति सेकंड; किलोमीटर; मीटर; सेंटीमीटर; मिलीमीटर; किलोग्राम; "
            "ग्राम; मिलीग्राम; टन; लीटर; मिलीलीटर; वर्ग मीटर; वर्ग किलोमीटर; घन मीटर; घंटा|घंटे; "
            "मिनट; सेकंड; मिलीसेकंड; डिग्री सेल्सियस; डिग्री फ़ारेनहाइट; डिग्री; प्रतिशत; प्रति हज़ार; "
            "हर्ट्ज़; मेगाहर्ट्ज़; गीगाहर्ट्ज़; वाट; किलोवाट; किलोवाट घंटा|किलोवाट घंटे; वोल्ट; एम्पियर; "
            "डेसिबल; किलोकैलोरी; किलोबाइट; मेगाबाइट; गीगाबाइट; टेराबाइट; मेगाबिट प्रति सेकंड"
        )
        | nouns(
            {
                "किमी/घंटा": "किलोमीटर प्रति घंटा",
                "किमी": "किलोमीटर",
                "सेमी": "सेंटीमीटर",
                "मिमी": "मिलीमीटर",
                "किग्रा": "किलोग्राम",
            }
        ),
        money=currencies(
            "डॉलर / सेंट; डॉलर / सेंट; यूरो / सेंट; पाउंड / पेंस; येन / सेन; स्विस फ़्रैंक / सेंटिम; "
            "ज़्लोटी / ग्रोश; रूबल / कोपेक; लीरा / कुरुश; रियाल / सेंटावो; वॉन / जियोन; सेंट / सेंट; "
            "रुपया|रुपये / पैसा|पैसे"
        )
        | currencies("रुपया|रुपये / पैसा|पैसे", symbols=("Rs. Rs रु. रु",)),
        change=lambda major, _cents, _number, few: f"{major} {few}",
        powers=nouns({"हज़ार हजार k": "हज़ार", "लाख": "लाख", "करोड़": "करोड़", "अरब": "अरब"}),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        year=_year,
        ordinal=_ordinal,
        ordinal_marks=_MARKS,
        fraction=_fraction,
        mixed=_mixed,
        power=_power,
        version="वर्शन",
        code_of="{} अक्षरों का एक कोड",
        abbreviations=words(
            {
                "डॉ.": "डॉक्टर",
                "श्री.": "श्री",
                "प्रो.": "प्रोफ़ेसर",
                "कि.मी.": "किलोमीटर",
                "C++": "C प्लस प्लस",
            }
        ),
        before_numbers=words({"No. नं. #": "नंबर", "पृ.": "पृष्ठ", "§": "धारा"}),
        links=("बजे",),
        hour_words=("बजे",),
    ),
    _own,
)
