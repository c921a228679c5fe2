"""Korean: native numbers before counters, Chinese ones elsewhere."""

import re

from tts.normalise.cardinals import cardinals
from tts.normalise.language import Language, nouns, unchanging
from tts.normalise.languages.tables import currencies, signs, units
from tts.normalise.readers import Place, Read
from tts.normalise.rules import Rules

_cardinal = cardinals("ko")
_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_COUNTERS = "개|명|살|마리|시간|시|번|권|병|잔|장|대|달|가지|그릇|송이|켤레"
_MONTHS = tuple(
    f"{ ({6: '유', 10: '시'}.get(month) or _cardinal(month)) }월" for month in range(1, 13)
)


def native(number: int) -> str:
    """The number from 1 to 99 as it stands before a counter."""
    if number == 20:
        return "스무"
    return _TENS[number // 10] + _ONES[number % 10]


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{year}{'년 ' * bool(year)}{_MONTHS[month - 1]} {_cardinal(day)}일"


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{native(hour) if 1 <= hour <= 12 else _cardinal(hour)} 시"
    return f"{spoken} {_cardinal(minute)} 분" if minute else spoken


def _fraction(over: int, under: int) -> str:
    return f"{_cardinal(under)}분의 {_cardinal(over)}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base} {'제곱' if exponent == 2 else '세제곱'}"
    return f"{base}의 {'마이너스 ' * (exponent < 0)}{_cardinal(abs(exponent))} 제곱"


def _ordinal(number: int, _mark: str = "") -> str:
    return (
        "첫 번째"
        if number == 1
        else f"{native(number)} 번째"
        if number < 100
        else (f"{_cardinal(number)} 번째")
    )


def _own(_: Rules) -> list[tuple[str, Read]]:
    def counted(match: re.Match[str], _: Place) -> str | None:
        number = int(match["number"])
        return f"{native(number)} " if 0 < number < 100 else None

    def month(match: re.Match[str], _: Place) -> str | None:
        number = int(match["number"])
        return _MONTHS[number - 1] if 1 <= number <= 12 else None

    return [
        (
            r"(?<![\d.,:])(?P<number>\d{1,2})\s?번째",
            lambda match, _: _ordinal(int(match["number"])),
        ),
        (rf"(?<![\d.,:])(?P<number>\d{{1,2}})\s?(?={_COUNTERS})", counted),
        (r"(?<![\d.,:])(?P<number>\d{1,2})월", month),
    ]


RULES = Rules(
    Language(
        code="ko",
        cardinal=_cardinal,
        plural=unchanging,
        after_fraction=None,
        decimal=".",
        group=",",
        point="점",
        digits_after_point=True,
        signs={
            **signs(
                "마이너스; 더하기; 플러스마이너스; 곱하기; 나누기; 는; 보다 작다; 보다 크다; 이하; "
                "이상; 같지 않다; 약; 에서; 루트; 무한대; 의 거듭제곱; 앤드; 골뱅이; 번호; 점; 제; "
                "슬래시; 당; 에서",
                version="점",
            ),
            "minus": "빼기",
        },
        units=units(
            "킬로미터 매 시; 미터 매 초; 킬로미터; 미터; 센티미터; 밀리미터; 킬로그램; 그램; "
            "밀리그램; 톤; 리터; 밀리리터; 제곱미터; 제곱킬로미터; 세제곱미터; 시간; 분; 초; "
            "밀리초; 도; 화씨 도; 도; 퍼센트; 퍼밀; 헤르츠; 메가헤르츠; 기가헤르츠; 와트; "
            "킬로와트; 킬로와트시; 볼트; 암페어; 데시벨; 킬로칼로리; "
            "킬로바이트; 메가바이트; 기가바이트; 테라바이트; 메가비트 매 초"
        ),
        money=currencies(
            "달러 / 센트; 달러 / 센트; 유로 / 센트; 파운드 / 펜스; 엔 / 센; 스위스 프랑 / 상팀; "
            "즈워티 / 그로시; 루블 / 코페이카; 리라 / 쿠루시; 헤알 / 센타보; 원 / 전; 센트 / 센트; "
            "루피 / 파이사"
        ),
        powers=nouns({"만": "만", "억": "억", "M": "백만", "k": "천"}),
        months=_MONTHS,
        date=_date,
        time=_time,
        ordinal=_ordinal,
        ordinal_marks="st|nd|rd|th",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole}과 {fraction}",
        power=_power,
        version="버전",
        code_of="{} 자 코드",
        before_numbers={"No.": "번호", "#": "번호", "№": "번호"},
        links=tuple(sorted({*_COUNTERS.replace("|", ""), "월", "째"})),
    ),
    _own,
)
