"""German."""

from tts.normalise.cardinals import cardinals, num2words
from tts.normalise.language import Language, names, nouns, words
from tts.normalise.languages.tables import currencies, months, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("de")
_MONTHS, _NAMES = months(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
)
_DATIVE = names("am vom zum dem bis seit ab beim im Am Vom Zum Dem Bis Seit Ab den Den des Des")
_WEAK = names("der Der die Die das Das")
_PARTS = {2: "halb", 3: "Drittel", 7: "Siebtel"}
_NUMBERED = names("Kapitel Band Teil Akt Szene Weltkrieg Typ Abschnitt Artikel Klasse Stufe")


def _agree(number: str, gender: str) -> str:
    if number == "eins" and gender:
        return "eine" if gender == "f" else "ein"
    return number


def _ordinal(number: int, _mark: str = "", ending: str = "") -> str:
    return num2words(number, "de", "ordinal") + ending


def _date(day: int, month: int, year: str, before: str) -> str:
    ending = "n" if before.strip(",(") in _DATIVE else "" if before in _WEAK else "r"
    return f"{_ordinal(day, ending=ending)} {_MONTHS[month - 1]}" + (f" {year}" if year else "")


def _dotted_ordinal(number: int, before: str, _following: str) -> str | None:
    if before in _DATIVE or before in _WEAK:
        return _ordinal(number, ending="n" if before in _DATIVE else "")
    return None


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{_agree(_cardinal(hour), 'n')} Uhr"
    return f"{spoken} {_cardinal(minute)}" if minute else spoken


def _year(year: int) -> str:
    return num2words(year, "de", "year") if 1100 <= year < 2000 else _cardinal(year)


def _fraction(over: int, under: int) -> str:
    part = _PARTS.get(under) or _ordinal(under).removesuffix("ste" if under >= 20 else "te")
    if under not in _PARTS:
        part = (part + ("stel" if under >= 20 else "tel")).capitalize()
    return f"{_agree(_cardinal(over), 'n')} {part}"


def _mixed(whole: str, fraction: str) -> str:
    if fraction == "ein halb":
        return f"{'ein' if whole == 'eins' else whole}einhalb"
    return f"{whole} {fraction}"


def _power(base: str, exponent: int) -> str:
    return f"{base} hoch {'minus ' if exponent < 0 else ''}{_cardinal(abs(exponent))}"


def _regnal(name: str, value: int) -> str | None:
    if name in _NUMBERED:
        return _cardinal(value)
    return f"der {_ordinal(value).capitalize()}" if name[:1].isupper() else None


RULES = Rules(
    Language(
        code="de",
        cardinal=_cardinal,
        agree=_agree,
        group=r"[.\u00a0\u202f’']",
        point="Komma",
        digits_after_point=True,
        signs=signs(
            "minus; plus; plus minus; mal; geteilt durch; gleich; kleiner als; größer als; "
            "kleiner gleich; größer gleich; ungleich; ungefähr; nach; Wurzel aus; unendlich; hoch; "
            "und; at; Nummer; Punkt; Paragraf; Schrägstrich; pro; bis",
            version="Punkt",
        ),
        units=units(
            "Kilometer pro Stunde; Meter pro Sekunde; Kilometer; Meter; Zentimeter; Millimeter; "
            "n:Kilogramm; n:Gramm; n:Milligramm; f:Tonne|Tonnen; Liter; Milliliter; Quadratmeter; "
            "Quadratkilometer; Kubikmeter; f:Stunde|Stunden; f:Minute|Minuten; f:Sekunde|Sekunden; "
            "f:Millisekunde|Millisekunden; Grad Celsius; Grad Fahrenheit; Grad; n:Prozent; "
            "n:Promille; n:Hertz; n:Megahertz; n:Gigahertz; n:Watt; n:Kilowatt; "
            "f:Kilowattstunde|Kilowattstunden; n:Volt; n:Ampere; n:Dezibel; "
            "f:Kilokalorie|Kilokalorien; n:Kilobyte; n:Megabyte; n:Gigabyte; n:Terabyte; "
            "n:Megabit pro Sekunde"
        )
        | nouns({"Uhr": "n:Uhr", "Std. Std": "f:Stunde|Stunden", "Min.": "f:Minute|Minuten"}),
        money=currencies(
            "Dollar / Cent; US-Dollar / Cent; Euro / Cent; n:Pfund / Penny|Pence; Yen / Sen; "
            "Schweizer Franken / Rappen; Zloty / Groschen; Rubel / f:Kopeke|Kopeken; "
            "f:Lira|Lira / Kurusch; Real / Centavo|Centavos; Won / Jeon; Cent / Cent; "
            "f:Rupie|Rupien / Paisa"
        ),
        change=lambda major, _cents, number, _few: f"{major} {number}",
        powers=nouns(
            {
                "k Tsd. Tausend tausend": "tausend",
                "M Mio. Mio Million Millionen": "f:Million|Millionen",
                "Mrd. Mrd Milliarde Milliarden": "f:Milliarde|Milliarden",
            }
        ),
        months=_MONTHS,
        month_names=_NAMES,
        date=_date,
        time=_time,
        year=_year,
        ordinal=_ordinal,
        ordinal_marks="te|ter|tes|ten|ste|ster|sten",
        dotted_ordinal=_dotted_ordinal,
        fraction=_fraction,
        mixed=_mixed,
        power=_power,
        version="Version",
        code_of="ein Code aus {} Zeichen",
        abbreviations=words(
            {
                "Dr.": "Doktor",
                "Prof.": "Professor",
                "Hr.": "Herr",
                "Fr.": "Frau",
                "z.B.": "zum Beispiel",
                "d.h.": "das heißt",
                "u.a.": "unter anderem",
                "usw.": "und so weiter",
                "bzw.": "beziehungsweise",
                "ca.": "circa",
                "etc.": "et cetera",
                "evtl.": "eventuell",
                "ggf.": "gegebenenfalls",
                "inkl.": "inklusive",
                "max.": "maximal",
                "min.": "mindestens",
                "vgl.": "vergleiche",
                "Str.": "Straße",
                "St.": "Sankt",
                "Tel.": "Telefon",
                "vs. vs": "versus",
                "C++": "C plus plus",
                "i.d.R.": "in der Regel",
                "u.U.": "unter Umständen",
                "o.ä.": "oder ähnlich",
            }
        ),
        before_numbers=words(
            {
                "Nr. #": "Nummer",
                "S.": "Seite",
                "Abb.": "Abbildung",
                "Kap.": "Kapitel",
                "Bd.": "Band",
                "Art.": "Artikel",
                "Abs.": "Absatz",
                "§": "Paragraf",
                "Tab.": "Tabelle",
            }
        ),
        regnal=_regnal,
        hour_words=("Uhr",),
    )
)
