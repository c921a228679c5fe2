"""Backchannels: what a listener says to show that they listen, and that is no turn of theirs.

"Mm-hm", "right", "ach so", "なるほど", and what bids the speaker to go on. In all of the languages
at once, as the language of two words is not worth a guess: what is a backchannel in one of them and
a turn in another (Polish "no" is a yes) is left out. Sounds that have no spelling are in the ways
in which recognisers write them.
"""

import re
import unicodedata
from itertools import chain

MOST_WORDS = 2
"""A backchannel has no more, unless it is a phrase that is known (Full-Duplex-Bench's definition,
with at most 1 s of sound)."""

_SOUNDS = "hm|hmm|hmmm|huh|mhm|mhmm|mmhm|mm|mmm|m|ah|aha|oh|ooh|uhhuh|uhuh|ok|okay|wow"

# Of each language: what also doubles ("yeah, right"), phrases, and what bids one to go on.
# fmt: off
_LANGUAGES = {
    "en": (
        "yeah|yea|yes|yep|yup|right|sure|true|exactly|indeed|nice|great|cool|really|totally"
        "|absolutely|definitely|interesting|fine|good",
        "mm hm|mm hmm|mm huh|m hm|m hmm|um hm|um hmm|uh huh|uh hum|a ha|i see|i know|got it"
        "|of course|that's right|that's true|all right|alright|sounds good|very good|very nice"
        "|fair enough|makes sense|for sure",
        "go on|go ahead|keep going|keep talking|carry on|continue|go on then"
        "|please continue|please go on|please go ahead|continue please|go on please"
        "|go ahead please",
    ),
    "de": (
        "ja|jo|jep|jup|jawohl|genau|klar|stimmt|richtig|gut|schön|echt|wirklich|verstehe|logisch"
        "|natürlich|sicher|ach|achso|tatsächlich|super|toll|spannend|interessant|okey|oha",
        "ach so|ach ja|na klar|alles klar|ich verstehe|ich weiß|das stimmt|sehr gut|sehr schön"
        "|ja ja|in ordnung",
        "weiter|mach weiter|machen sie weiter|red weiter|rede weiter|reden sie weiter"
        "|sprich weiter|erzähl weiter|nur weiter|fahr fort|fahren sie fort|weiter bitte"
        "|bitte weiter",
    ),
    "fr": (
        "oui|ouais|ouaip|exactement|exact|voilà|absolument|évidemment|vraiment|super|génial|bien"
        "|entendu|certes|effectivement|intéressant",
        "d'accord|ah bon|ah oui|je vois|c'est vrai|c'est ça|bien sûr|tout à fait|très bien"
        "|je comprends|ça marche|en effet",
        "continue|continuez|vas y|allez y|poursuis|poursuivez|continue s'il te plaît"
        "|continuez s'il vous plaît",
    ),
    "es": (
        "sí|si|ya|claro|vale|exacto|exactamente|cierto|bueno|bien|ajá|entiendo|verdad|genial"
        "|perfecto|interesante|efectivamente",
        "de acuerdo|ya veo|muy bien|por supuesto|es verdad|es cierto|así es|claro que sí|qué bien",
        "sigue|siga|continúa|continúe|adelante|sigue por favor|continúa por favor|sigue hablando",
    ),
    "it": (
        "sì|già|certo|esatto|esattamente|giusto|vero|capito|capisco|bene|bello|davvero|ecco|perfetto"
        "|interessante|infatti|ovvio",
        "va bene|ho capito|d'accordo|è vero|ah ecco|molto bene|certo che sì",
        "continua|continui|vai avanti|vada avanti|avanti|prosegui|continua pure|vai pure",
    ),
    "pt": (
        "sim|é|claro|certo|exato|exatamente|isso|pois|tá|entendi|entendo|verdade|bom|legal"
        "|perfeito|interessante|beleza",
        "pois é|está bem|tá bom|tudo bem|muito bem|com certeza|é verdade|isso mesmo|ah sim"
        "|claro que sim",
        "continua|pode continuar|prossiga|vai em frente|continua por favor|continue por favor",
    ),
    "nl": (
        "ja|jep|precies|klopt|inderdaad|juist|oké|goed|mooi|natuurlijk|zeker|echt|begrepen|leuk"
        "|interessant",
        "ja ja|ik snap het|ik begrijp het|dat klopt|heel goed|is goed|oh ja|ah zo",
        "ga door|ga verder|ga maar door|ga maar verder|verder|vertel verder|gaat u verder",
    ),
    "pl": (
        "tak|dobrze|dobra|jasne|rozumiem|racja|dokładnie|okej|właśnie|pewnie|oczywiście|super|fajnie"
        "|naprawdę|prawda|ciekawe",
        "tak tak|w porządku|to prawda|bardzo dobrze",
        "mów dalej|proszę dalej|kontynuuj|proszę kontynuować|dalej",
    ),
    "ru": (
        "да|ага|угу|ясно|понятно|точно|хорошо|ладно|конечно|верно|правильно|так|понимаю|правда"
        "|отлично|здорово|интересно|окей|м|мм|хм|именно",
        "ну да|да да|это правда|все ясно|всё ясно|очень хорошо|вот как",
        "продолжай|продолжайте|дальше|давай дальше|говори дальше|продолжай пожалуйста"
        "|продолжайте пожалуйста",
    ),
    "tr": (
        "evet|tamam|tabii|tabi|doğru|anladım|peki|aynen|güzel|gerçekten|kesinlikle|elbette|olur"
        "|haklısın|ilginç",
        "hı hı|hıı hıı|çok güzel|çok iyi|öyle mi|tabii ki",
        "devam|devam et|devam edin|devam et lütfen|devam edin lütfen",
    ),
    "ja": (
        "はい|はいはい|うん|うんうん|ええ|そう|そうそう|そうですね|そうですか|そうなんだ|そうなんですか"
        "|そうか|そっか|なるほど|なるほどね|へえ|へー|ほう|ふーん|確かに|たしかに|わかりました|分かりました"
        "|わかった|分かった|了解|了解です|本当|ほんと|本当に|もちろん|いいね|いいですね|すごい",
        "",
        "続けて|続けてください|どうぞ|どうぞ続けて|どうぞ続けてください",
    ),
    "zh": (
        "嗯|嗯嗯|对|对对|对对对|对啊|對|對對|對啊|是|是的|是啊|好|好的|好啊|没错|沒錯|哦|噢|啊|原来如此"
        "|原來如此|明白|明白了|知道了|真的|当然|當然|可以|行|不错|不錯|有意思|这样啊|這樣啊|确实|確實",
        "",
        "继续|请继续|你继续|继续说|接着说|繼續|請繼續|你繼續|繼續說|接著說",
    ),
    "ko": (
        "네|예|네네|응|응응|어|그래|그래요|그렇지|그렇죠|맞아|맞아요|맞습니다|그렇구나|그렇군요|알겠어요"
        "|알겠습니다|알았어|음|아|아하|오|정말|진짜|좋아|좋아요|물론|물론이죠",
        "아 네|아 그래요|아 그렇구나",
        "계속|계속해|계속해요|계속하세요|계속해줘|계속해 주세요|계속 말해|계속 말씀하세요",
    ),
    "sv": (
        "ja|jo|jaha|japp|precis|okej|visst|javisst|självklart|absolut|verkligen|exakt|jaså|förstår",
        "just det|jag förstår|ja visst|det stämmer|mycket bra",
        "fortsätt|gå vidare|fortsätt du|fortsätt gärna",
    ),
    "da": (
        "ja|jo|jep|præcis|klart|godt|selvfølgelig|rigtigt|nemlig|virkelig|forstået",
        "nå ja|jeg forstår|det er rigtigt|ja tak|meget godt|det passer",
        "fortsæt|gå videre|bliv ved|bare fortsæt",
    ),
    "no": (
        "ja|jo|jepp|nettopp|akkurat|riktig|skjønner|greit|selvfølgelig|absolutt|virkelig|stemmer",
        "jeg skjønner|jeg forstår|det stemmer|veldig bra|ja visst",
        "fortsett|gå videre|bare fortsett|fortsett du",
    ),
    "fi": (
        "joo|juu|kyllä|niin|niinpä|aivan|okei|ymmärrän|selvä|totta|hyvä|tosiaan|todella|toki",
        "joo joo|niin niin|ihan totta|oikein hyvä",
        "jatka|jatka vain|jatkakaa|jatka toki",
    ),
    "cs": (
        "jo|ano|jasně|přesně|dobře|rozumím|chápu|samozřejmě|jistě|pravda|fajn|super|opravdu|aha",
        "to je pravda|velmi dobře",
        "pokračuj|pokračujte|dál|mluv dál|jen pokračuj|povídej dál",
    ),
    "uk": (
        "так|ага|угу|ясно|зрозуміло|точно|добре|звичайно|авжеж|правда|розумію|гаразд|чудово|цікаво"
        "|саме",
        "ну так|так так|це правда|дуже добре",
        "продовжуй|продовжуйте|далі|давай далі|кажи далі|продовжуй будь ласка",
    ),
}
# fmt: on


def _set(*columns: str) -> frozenset[str]:
    return frozenset(chain.from_iterable(column.split("|") for column in columns)) - {""}


_ALONE = _set(_SOUNDS, *(alone for alone, _, _ in _LANGUAGES.values()))
_PLEAS = _set("please|bitte|proszę")
"""More often they begin "please stop", and nobody waits for what follows."""
_GO_ON = _set(*(going_on for _, _, going_on in _LANGUAGES.values()))
_PHRASES = _GO_ON | _set(*(phrases for _, phrases, _ in _LANGUAGES.values()))


def is_backchannel(text: str) -> bool:
    """Whether `text`, all that somebody said, only means that they are listening."""
    words = _words(text)
    if " ".join(words) in _PHRASES:
        return True
    return 1 <= len(words) <= MOST_WORDS and all(word in _ALONE for word in words)


def bids_to_go_on(text: str) -> bool:
    """Whether it is a backchannel only while there is more to come, and else asks for more."""
    return " ".join(_words(text)) in _GO_ON


def could_become_backchannel(partial: str) -> bool:
    """Whether `partial`, what has been understood so far, may yet turn out to be one."""
    said = " ".join(_words(partial))
    if not said or is_backchannel(partial):
        return True
    return said not in _PLEAS and any(whole.startswith(f"{said} ") for whole in _PHRASES)


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text)
