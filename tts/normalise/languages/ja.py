"""Japanese: numbers become kanji, whose reading before a counter is the voice's."""

from tts.normalise.cardinals import cardinals
from tts.normalise.language import Language, nouns, unchanging
from tts.normalise.languages.tables import currencies, signs, units
from tts.normalise.rules import Rules

_cardinal = cardinals("ja")


def _date(day: int, month: int, year: str, _before: str) -> str:
    return f"{year}{'年' * bool(year)}{_cardinal(month)}月{_cardinal(day)}日"


def _time(hour: int, minute: int, _before: str) -> str:
    spoken = f"{_cardinal(hour)}時"
    return f"{spoken}{_cardinal(minute)}分" if minute else spoken


def _fraction(over: int, under: int) -> str:
    return f"{_cardinal(under)}分の{_cardinal(over)}"


def _power(base: str, exponent: int) -> str:
    return f"{base}の{'マイナス' * (exponent < 0)}{_cardinal(abs(exponent))}乗"


RULES = Rules(
    Language(
        code="ja",
        cardinal=_cardinal,
        plural=unchanging,
        after_fraction=None,
        decimal=".",
        group=",",
        point="点",
        digits_after_point=True,
        space="",
        signs={
            **signs(
                "マイナス; プラス; プラスマイナス; かける; 割る; イコール; 小なり; 大なり; 以下; "
                "以上; ノットイコール; 約; から; ルート; 無限大; の; アンド; アット; ナンバー; "
                "ドット; 第; スラッシュ; 毎; から",
                version="点",
            ),
            "minus": "引く",
        },
        units=units(
            "キロメートル毎時; メートル毎秒; キロメートル; メートル; センチメートル; ミリメートル; "
            "キログラム; グラム; ミリグラム; トン; リットル; ミリリットル; 平方メートル; "
            "平方キロメートル; 立方メートル; 時間; 分; 秒; ミリ秒; 度; 華氏度; 度; パーセント; "
            "パーミル; ヘルツ; メガヘルツ; ギガヘルツ; ワット; キロワット; キロワット時; ボルト; "
            "アンペア; デシベル; キロカロリー; キロバイト; メガバイト; ギガバイト; テラバイト; "
            "メガビット毎秒"
        ),
        money=currencies(
            "ドル / セント; ドル / セント; ユーロ / セント; ポンド / ペンス; 円 / 銭; "
            "スイスフラン / サンチーム; ズウォティ / グロシュ; ルーブル / コペイカ; "
            "リラ / クルシュ; レアル / センターボ; ウォン / チョン; セント / セント; "
            "ルピー / パイサ"
        ),
        powers=nouns({"万": "万", "億": "億", "M": "百万", "k": "千"}),
        months=tuple(f"{_cardinal(month)}月" for month in range(1, 13)),
        date=_date,
        time=_time,
        ordinal=lambda number, _mark: f"{_cardinal(number)}番目",
        ordinal_marks="st|nd|rd|th",
        fraction=_fraction,
        mixed=lambda whole, fraction: f"{whole}と{fraction}",
        power=_power,
        version="バージョン",
        code_of="{}文字のコード",
        before_numbers={"No.": "ナンバー", "#": "ナンバー", "№": "ナンバー"},
    )
)
