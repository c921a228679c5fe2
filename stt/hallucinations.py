"""Detection of hallucinations: Whisper writes words for noise, too.

No layer alone is enough: a made-up "Thank you." can be as probable as a spoken one. The numbers
are those that Whisper's users found, a little more cautious where there is other evidence.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from stt.protocol import Word
from stt.vad import VoiceActivity

MIN_VOICE = 0.25
"""Seconds of voice below which nothing is decoded at all."""

NO_SPEECH, DOUBTFUL, UNCLEAR = 0.6, -0.6, 0.5
"""Probability of no speech; log-probability per token; probability of a voice."""

MAX_COMPRESSION = 2.4
"""Text that compresses better than this goes round in circles."""

MAX_CHAR_RATE = 25
"""Characters that nobody says in a second."""

UNDETECTED = 0.2
"""Seconds of a word, besides its voiced ones, that the voice detector does not see."""


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


def normalized(text: str) -> str:
    """`text` in lower case, with neither punctuation nor more space than needed."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


SILENCE_PHRASES = {
    language: frozenset(normalized(phrase) for phrase in phrases.split("|"))
    for language, phrases in _PHRASES.items()
}
"""What Whisper writes when nobody speaks, learnt from the subtitles of videos, by language.

They are `normalized`; English ones appear in all languages.
"""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Result of decoding an utterance or a part of it, and how sure the model is.

    `log_probability` is the mean over its tokens; `ended` is whether it came to an end by itself.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    no_speech: float
    language: str
    language_probability: float = 1.0
    ended: bool = True
    words: tuple[Word, ...] = ()


def decoding_fault(hypothesis: Hypothesis) -> str | None:
    """What is wrong with how it was decoded, if anything: a reason to decode it again."""
    if not hypothesis.ended:
        return "the text has no end"
    repeated = repetitions(hypothesis.tokens)
    if repeated >= (3 if hypothesis.log_probability < -0.5 else 5):
        return f"the same words {repeated} times"
    text = hypothesis.text.encode()
    ratio = len(text) / len(zlib.compress(text))
    if ratio > MAX_COMPRESSION:
        return f"the text goes round in circles (compression ratio {ratio:.1f})"
    return None


def rejection(hypothesis: Hypothesis, voice: VoiceActivity) -> str | None:
    """The reason to reject it as a hallucination, given the utterance's voice activity, if any."""
    doubtful = hypothesis.log_probability < DOUBTFUL
    if hypothesis.no_speech > NO_SPEECH and (doubtful or voice.clarity < UNCLEAR):
        return f"no speech (probability {hypothesis.no_speech:.2f})"
    if reason := decoding_fault(hypothesis):
        return reason
    rate = len(hypothesis.text) / (voice.voiced_seconds + UNDETECTED)
    if rate > MAX_CHAR_RATE:
        return f"{rate:.0f} characters a second"
    if is_silence_phrase(hypothesis.text, hypothesis.language):
        poor = doubtful or hypothesis.no_speech > 0.4 or voice.clarity < UNCLEAR
        if poor or rate > 0.7 * MAX_CHAR_RATE:
            return f"a phrase that is heard in silence ({hypothesis.text})"
    return None


def repetitions(tokens: Sequence[int]) -> int:
    """How often up to eight tokens come again and again in a row; 1 if never."""
    most = 1
    for size in range(1, 9):
        run = 0  # tokens that equal the one `size` before
        for one, other in zip(tokens, tokens[size:], strict=False):
            run = run + 1 if one == other else 0
            most = max(most, 1 + run // size)
    return most


def is_silence_phrase(text: str, language: str) -> bool:
    """Whether all of `text` is such a phrase, perhaps several times."""
    spoken = rest = normalized(text)
    phrases = SILENCE_PHRASES.get(language, frozenset()) | SILENCE_PHRASES["en"]
    for phrase in sorted(phrases, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "", rest)
    return bool(spoken) and not rest.strip()
