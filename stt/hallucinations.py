"""Detection of hallucinations: Whisper writes words for noise, too.

No witness alone is enough: a made-up "Thank you." can be as probable as a spoken one, and whoever
speaks fast is no ghost. Each gives points, for or against (`rejection`). The numbers are those of
Whisper base on people's speech, as fast as × 1.7 and at 10 dB, and on sounds without words.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stt.protocol import Word
from stt.vad import VoiceActivity

MIN_VOICE = 0.25
"""Seconds of voice: less is a doubt."""

NO_SPEECH, SPEECH = 0.4, 0.2
"""Probability of no speech: a doubt above, a reason to believe up to the other."""

SURE, DOUBTFUL, GUESSED = -0.3, -0.6, -1.2
"""Log-probability per token: a reason to believe, a doubt, and two."""

CLEAR, UNCLEAR = 0.6, 0.5
"""Probability of a voice: a reason to believe from here on, a doubt below."""

REPEATED, REPEATED_UNSURE = 5, 3
"""How often the same words come in a row in what goes round in circles, sure or doubtful."""

MAX_COMPRESSION = 2.4
"""Text that compresses better than this goes round in circles."""

DENSE, FAST, MAX_CHAR_RATE = 18, 25, 50
"""Characters a second: few people's; nobody's but a hasty speaker's; and what nobody can say."""

ENOUGH = 2
"""Points of doubt that reject."""

UNDETECTED = 0.2
"""Seconds of a word, besides its voiced ones, that the voice detector does not see."""


_EVERYDAY = {
    "en": """thank you very much|thank you|thanks|bye|bye bye|you|so|oh|see you next time|music|
        applause|silence|the end""",
    "de": "vielen dank|danke|bis zum nächsten mal|tschüss",
    "fr": "merci|à bientôt",
    "es": "gracias|adiós|hasta la próxima",
    "it": "grazie|grazie a tutti|alla prossima",
    "pt": "obrigado|obrigada|até a próxima|tchau",
    "nl": "bedankt|tot de volgende keer",
    "pl": "dziękuję|dziękuję za uwagę",
    "ru": "продолжение следует|спасибо",
    "tr": "teşekkürler",
    "ja": "ありがとうございました|おわり",
    "zh": "谢谢大家",
    "ko": "감사합니다",
}

_OF_VIDEOS = {
    "en": """thanks for watching|thank you for watching|thank you so much for watching|
        please subscribe|subscribe to my channel|like and subscribe|see you in the next video|
        subtitles by the amara org community|i'll see you in the next one""",
    "de": """untertitel der amara org community|untertitel im auftrag des zdf|
        vielen dank fürs zuschauen|vielen dank für ihre aufmerksamkeit|untertitelung des zdf 2020|
        untertitel von stephanie geiges|copyright wdr 2021""",
    "fr": """sous titres réalisés para la communauté d'amara org|merci d'avoir regardé|
        merci d'avoir regardé cette vidéo|sous titrage st 501|sous titrage société radio canada|
        abonnez vous""",
    "es": """subtítulos realizados por la comunidad de amara org|gracias por ver|
        gracias por ver el video|suscríbete|suscríbete al canal""",
    "it": """sottotitoli creati dalla comunità amara org|sottotitoli e revisione a cura di qtss|
        grazie per aver guardato|iscriviti al canale""",
    "pt": "legendas pela comunidade amara org|obrigado por assistir|inscreva se no canal",
    "nl": """ondertitels ingediend door de amara org gemeenschap|ondertiteld door de amara org
        gemeenschap|bedankt voor het kijken""",
    "pl": "napisy stworzone przez społeczność amara org|dzięki za oglądanie",
    "ru": """субтитры сделал dimatorzok|спасибо за просмотр|
        редактор субтитров а семкин корректор а егорова""",
    "tr": "altyazı m k|izlediğiniz için teşekkürler|abone olun",
    "ja": "ご視聴ありがとうございました|チャンネル登録お願いします",
    "zh": "字幕由amara org社区提供|谢谢观看|請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
    "ko": "시청해주셔서 감사합니다|구독과 좋아요 부탁드립니다|mbc 뉴스 이덕영입니다",
}


def normalized(text: str) -> str:
    """`text` in lower case, with neither punctuation nor more space than needed."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


def _phrases(listed: dict[str, str]) -> dict[str, frozenset[str]]:
    return {
        language: frozenset(normalized(phrase) for phrase in phrases.split("|"))
        for language, phrases in listed.items()
    }


EVERYDAY_PHRASES = _phrases(_EVERYDAY)
"""Those of `SILENCE_PHRASES` that people say to an agent, too."""

SILENCE_PHRASES = {
    language: phrases | EVERYDAY_PHRASES[language]
    for language, phrases in _phrases(_OF_VIDEOS).items()
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
    if repeated >= (REPEATED if hypothesis.log_probability > -0.5 else REPEATED_UNSURE):
        return f"the same words {repeated} times"
    text = hypothesis.text.encode()
    ratio = len(text) / len(zlib.compress(text))
    if ratio > MAX_COMPRESSION:
        return f"the text goes round in circles (compression ratio {ratio:.1f})"
    return None


def rejection(hypothesis: Hypothesis, voice: VoiceActivity) -> str | None:
    """The reasons to reject it as a hallucination, given the utterance's voice activity, if any.

    What speaks against it and for it is added up, so that no rule rejects alone what is sure.
    """
    doubts = _doubts(hypothesis, voice)
    if sum(doubts.values()) - _trust(hypothesis, voice) < ENOUGH:
        return None
    return ", ".join(doubts)


def _doubts(hypothesis: Hypothesis, voice: VoiceActivity) -> dict[str, int]:
    """What speaks against it, the heaviest first, and how much."""
    doubts: dict[str, int] = {}
    fault = decoding_fault(hypothesis)
    if fault:  # going on for ever makes itself probable, whatever the sound
        doubts[fault] = 2 if hypothesis.ended else 4
    rate = len(hypothesis.text) / (voice.voiced_seconds + UNDETECTED)
    phrase = is_silence_phrase(hypothesis.text, hypothesis.language)
    if phrase:
        of_video = not is_silence_phrase(hypothesis.text, hypothesis.language, EVERYDAY_PHRASES)
        doubts[f"a phrase that is heard in silence ({hypothesis.text})"] = 3 if of_video else 1
    if rate > FAST or (rate > DENSE and (fault or phrase)):
        doubts[f"{rate:.0f} characters a second"] = 4 if rate > MAX_CHAR_RATE else 1
    if voice.voiced_seconds < MIN_VOICE:
        doubts[f"only {voice.voiced_seconds:.2f} s of voice"] = 1
    if hypothesis.no_speech > NO_SPEECH:
        doubts[f"no speech (probability {hypothesis.no_speech:.2f})"] = 1
    if hypothesis.log_probability < DOUBTFUL:
        guessed = hypothesis.log_probability < GUESSED
        doubts[f"doubtful words (log-probability {hypothesis.log_probability:.2f})"] = 1 + guessed
    if voice.clarity < UNCLEAR:
        doubts[f"hardly a voice (probability {voice.clarity:.2f})"] = 1
    return dict(sorted(doubts.items(), key=lambda doubt: -doubt[1]))


def _trust(hypothesis: Hypothesis, voice: VoiceActivity) -> int:
    """What speaks for it: a clear voice that Whisper takes for one, and words it is sure of."""
    if hypothesis.no_speech > SPEECH or voice.clarity < CLEAR:
        return 0
    return 1 if decoding_fault(hypothesis) or hypothesis.log_probability < SURE else 2


def repetitions(tokens: Sequence[int]) -> int:
    """How often up to eight tokens come again and again in a row; 1 if never."""
    most = 1
    for size in range(1, 9):
        run = 0  # tokens that equal the one `size` before
        for one, other in zip(tokens, tokens[size:], strict=False):
            run = run + 1 if one == other else 0
            most = max(most, 1 + run // size)
    return most


def is_silence_phrase(
    text: str, language: str, known: Mapping[str, frozenset[str]] = SILENCE_PHRASES
) -> bool:
    """Whether all of `text` is such a phrase, perhaps several times."""
    spoken = rest = normalized(text)
    for phrase in sorted(known.get(language, frozenset()) | known["en"], key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "", rest)
    return bool(spoken) and not rest.strip()
