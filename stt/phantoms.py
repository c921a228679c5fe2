"""What Whisper writes when nobody speaks: it has learnt it from the subtitles of videos."""

import re

_PHRASES = {
    "en": """thanks for watching|thank you for watching|thank you so much for watching|thank you
        very much|thank you|thanks|bye|bye bye|you|so|oh|please subscribe|subscribe to my channel|
        like and subscribe|see you next time|see you in the next video|music|applause|silence|
        subtitles by the amara org community|the end|i'll see you in the next one""",
    "de": """untertitel der amara org community|untertitel im auftrag des zdf|vielen dank|danke|
        vielen dank fürs zuschauen|vielen dank für ihre aufmerksamkeit|bis zum nächsten mal|tschüss|
        untertitelung des zdf 2020|untertitel von stephanie geiges|copyright wdr 2021""",
    "fr": """sous titres réalisés para la communauté d'amara org|merci|merci d'avoir regardé|
        merci d'avoir regardé cette vidéo|sous titrage st 501|sous titrage société radio canada|
        abonnez vous|à bientôt""",
    "es": """subtítulos realizados por la comunidad de amara org|gracias|gracias por ver|
        gracias por ver el video|suscríbete|suscríbete al canal|adiós|hasta la próxima""",
    "it": """sottotitoli creati dalla comunità amara org|sottotitoli e revisione a cura di qtss|
        grazie|grazie per aver guardato|grazie a tutti|iscriviti al canale|alla prossima""",
    "pt": """legendas pela comunidade amara org|obrigado|obrigada|obrigado por assistir|
        inscreva se no canal|até a próxima|tchau""",
    "nl": """ondertitels ingediend door de amara org gemeenschap|ondertiteld door de amara org
        gemeenschap|bedankt voor het kijken|bedankt|tot de volgende keer""",
    "pl": """napisy stworzone przez społeczność amara org|dziękuję|dziękuję za uwagę|
        dzięki za oglądanie""",
    "ru": """продолжение следует|субтитры сделал dimatorzok|спасибо за просмотр|спасибо|
        редактор субтитров а семкин корректор а егорова""",
    "tr": "altyazı m k|izlediğiniz için teşekkürler|teşekkürler|abone olun",
    "ja": "ご視聴ありがとうございました|ありがとうございました|チャンネル登録お願いします|おわり",
    "zh": "字幕由amara org社区提供|谢谢观看|谢谢大家|請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
    "ko": "시청해주셔서 감사합니다|구독과 좋아요 부탁드립니다|감사합니다|mbc 뉴스 이덕영입니다",
}


def plain(text: str) -> str:
    """`text` in lower case, with neither punctuation nor more space than needed."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


PHANTOMS = {
    language: frozenset(plain(phrase) for phrase in phrases.split("|"))
    for language, phrases in _PHRASES.items()
}
"""By language, in `plain` form; English ones appear in all languages."""


def is_phantom(text: str, language: str) -> bool:
    """Whether all of `text` is such a phrase, perhaps several times."""
    spoken = plain(text)
    phrases = PHANTOMS.get(language, frozenset()) | PHANTOMS["en"]
    rest = spoken
    for phrase in sorted(phrases, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "", rest)
    return bool(spoken) and not rest.strip()
