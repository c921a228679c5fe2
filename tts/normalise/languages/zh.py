"""Mandarin Chinese."""

import re

from tts.normalise.cardinals import chinese
from tts.normalise.language import Language, nouns, unchanging
from tts.normalise.languages.tables import currencies, signs, units
from tts.normalise.readers import Place, Read
from tts.normalise.rules import Rules

_MEASURES = "个只条张本位件次天种杯家台辆名倍块支把双套层"


def _agree(number: str, gender: str) -> str:
    return "两" if number == "二" and gender == "m" else number


def _digits(number: int) -> str:
    return "".join(chinese(int(digit)) for digit in str(number))


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{year}{'年' * bool(year)}{chinese(month)}月{chinese(day)}日"


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{'两' if hour == 2 else chinese(hour)}点"
    return f"{spoken}{'零' * (minute < 10)}{chinese(minute)}分" if minute else spoken


def _fraction(over: int, under: int) -> str:
    return f"{chinese(under)}分之{chinese(over)}"


def _power(base: str, exponent: int) -> str:
    if exponent in (2, 3):
        return f"{base}的{'平方' if exponent == 2 else '立方'}"
    return f"{base}的{'负' * (exponent < 0)}{chinese(abs(exponent))}次方"


def _own(rules: Rules) -> list[tuple[str, Read]]:
    number = rules.numbers.pattern

    def percent(match: re.Match[str], _: Place) -> str:
        until = match["until"]
        of = "百分之" if match["sign"] == "%" else "千分之"
        minus = "负" * (match["value"][0] in "-−")
        spoken = f"{minus}{of}{rules.numbers.say(match['value'].lstrip('-−'))}"
        return spoken + (f"到{of}{rules.numbers.say(until)}" if until else "")

    def two(_match: re.Match[str], place: Place) -> str | None:
        return None if place.before.endswith("第") else "两"

    return [
        (
            rf"(?P<value>(?:(?<!\w)[-−])?{number})(?:\s?[-–]\s?(?P<until>{number}))?"
            r"\s?(?P<sign>[%‰])",
            percent,
        ),
        (r"(?P<year>[12]\d{3})(?=年)", lambda match, _: _digits(int(match["year"]))),
        (rf"(?<![\d.第])2(?=[{_MEASURES}])", two),
    ]


RULES = Rules(
    Language(
        code="zh",
        cardinal=chinese,
        agree=_agree,
        plural=unchanging,
        after_fraction=None,
        decimal=".",
        group=",",
        point="点",
        digits_after_point=True,
        space="",
        signs={
            **signs(
                "负; 加; 正负; 乘以; 除以; 等于; 小于; 大于; 小于等于; 大于等于; 不等于; 约; 到; "
                "根号; 无穷大; 的次方; 和; 艾特; 第; 点; 第; 斜杠; 每; 到",
                version="点",
            ),
            "minus": "减",
        },
        units=units(
            "公里每小时; 米每秒; 公里; 米; 厘米; 毫米; 公斤; 克; 毫克; 吨; 升; 毫升; 平方米; "
            "平方公里; 立方米; 小时; 分钟; 秒; 毫秒; n:摄氏度; n:华氏度; n:度; n:百分之; n:千分之; "
            "赫兹; 兆赫; 吉赫; 瓦; 千瓦; 千瓦时; 伏; 安; 分贝; 千卡; 千字节; 兆字节; 吉字节; "
            "太字节; 兆比特每秒"
        ),
        money=currencies(
            "美元 / 美分; 美元 / 美分; 欧元 / 欧分; 英镑 / 便士; 元 / 分; 瑞士法郎 / 生丁; "
            "兹罗提 / 格罗希; 卢布 / 戈比; 里拉 / 库鲁; 雷亚尔 / 分; 韩元 / 分; 美分 / 美分; "
            "卢比 / 派萨"
        )
        | currencies("; ".join(["元 / 分"] * 4), symbols=("CN¥", "CNY", "RMB", "￥")),
        powers=nouns({"万": "n:万", "亿": "n:亿", "M": "n:百万", "k": "n:千"}),
        months=tuple(f"{chinese(month)}月" for month in range(1, 13)),
        date=_date,
        time=_time,
        year=_digits,
        ordinal=lambda number, _mark: f"第{chinese(number)}",
        ordinal_marks="st|nd|rd|th",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole}又{fraction}",
        power=_power,
        version="版本",
        code_of="一段{}个字符的代码",
        before_numbers={"No.": "第", "#": "第", "№": "第"},
        links=(*_MEASURES, "年"),
    ),
    _own,
)
