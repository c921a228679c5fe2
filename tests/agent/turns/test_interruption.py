"""Who says "mm-hm" does not want to interrupt; who says "no" does."""

import pytest

from agent.turns.backchannels import (
    bids_to_go_on,
    could_become_backchannel,
    is_backchannel,
    is_laughter,
)

BACKCHANNELS = """
mm-hm|Mm-hmm.|mm hmm|mmhm|mhm|Mhm.|m|mm|hm|hmm|Hmm...|uh-huh|uh huh|Uh-huh!|right|Right.|yeah
Yeah, yeah.|yep|yes|okay|OK.|Okay, sure.|I see.|i see|sure|got it|Got it.|of course|that's right
go ahead|Keep going.|Continue.|continue please|Please, go on.|carry on|go ahead please|keep talking
that’s right|all right|oh|ah|aha|wow|oh okay|yeah right|really|exactly|great|cool|sounds good
""".replace("\n", "|").strip("|")

TURNS = """
stop|Stop!|no|No.|wait|what|What?|no no|okay stop|yeah but|right now|wait wait|why|hello|thank you
oh no|yeah what|i see a dog|yeah yeah yeah|mm-hm mm-hm|play|louder|the right one|okay so what|um|uh
""".replace("\n", "|").strip("|")


LANGUAGES = """
ja|Ja, genau.|Ach so!|verstehe|Alles klar.|mach weiter|natürlich|stimmt
oui|D’accord.|ah bon|je vois|C'est vrai !|Vas-y.|continuez|bien sûr
sí|claro|¡Vale!|ya veo|ajá|sigue|adelante|de acuerdo
sì|certo|va bene|Ho capito.|esatto|vai avanti|continua
sim|pois é|tá bom|entendi|isso mesmo|pode continuar
ja ja|precies|klopt|ik snap het|ga door
tak|rozumiem|dokładnie|jasne|mów dalej
да|ага|Понятно.|ну да|конечно|продолжай
evet|tamam|anladım|hı hı|devam et
はい。|うん|そうですね。|なるほど|へえ|続けてください|はい、はい
嗯|对|是的。|好的|没错|原来如此|继续|對啊
네|예|그래요|맞아요.|그렇군요|계속하세요
precis|just det|jag förstår|fortsätt
præcis|det er rigtigt|fortsæt
nettopp|skjønner|fortsett
joo|niin|aivan|jatka
jasně|rozumím|přesně|pokračuj
зрозуміло|так|авжеж|продовжуй
""".replace("\n", "|").strip("|")

TURNS_OF_LANGUAGES = """
nein|halt|Stopp!|warte|ja aber|nicht so schnell|lauter|weiter oben|danke
non|arrête|attends|oui mais|merci|plus fort|continue la liste|stop
no|espera|para|basta|sí pero|más alto|gracias|sigue la lista
aspetta|basta|ferma|sì ma|più forte|grazie
não|espera aí|para|sim mas|obrigado
nee|wacht|ja maar|stop maar|bedankt
nie|czekaj|tak ale|przestań|dziękuję
нет|стоп|подожди|да но|хватит|спасибо
hayır|dur|bekle|evet ama|teşekkürler
いいえ|やめて|待って|ちょっと待って|ありがとう
不|不是|停|等一下|别说了|谢谢
아니요|잠깐만|그만|멈춰|감사합니다
nej|vänta|ja men|tack|vent|ikke|ei|odota|kiitos|ne|počkej|ano ale|ні|зачекай|дякую
""".replace("\n", "|").strip("|")


@pytest.mark.parametrize("text", LANGUAGES.split("|"))
def test_a_backchannel_of_any_language(text: str) -> None:
    assert is_backchannel(text)
    assert could_become_backchannel(text)


@pytest.mark.parametrize("text", TURNS_OF_LANGUAGES.split("|"))
def test_no_backchannel_of_any_language(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["go on", "Continue.", "keep going", "weiter", "继续", "vas-y"])
def test_what_bids_to_go_on(text: str) -> None:
    assert bids_to_go_on(text)
    assert not any(
        bids_to_go_on(each) for each in ("mm-hm", "yeah", "stop", "", "continue reading")
    )


@pytest.mark.parametrize("text", BACKCHANNELS.split("|"))
def test_a_backchannel(text: str) -> None:
    assert is_backchannel(text)
    assert could_become_backchannel(text)


@pytest.mark.parametrize("text", [*TURNS.split("|"), "", " ", "..."])
def test_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("partial", ["", "i", "uh", "mm", "got", "of", "that's", "yeah", "sounds"])
def test_what_may_yet_become_one(partial: str) -> None:
    assert could_become_backchannel(partial)


@pytest.mark.parametrize(
    "partial", ["please", "stop", "no", "wait", "what", "i want", "yeah but", "turn"]
)
def test_what_cannot_become_one(partial: str) -> None:
    assert not could_become_backchannel(partial)


@pytest.mark.parametrize(
    "text",
    ["Ha ha!", "hahaha", "Ha, ha, ha.", "Ahahaha", "hehe", "Ho ho ho.", "La la la", "da da dum"],
)
def test_a_laugh_and_a_tune_are_known_by_how_they_are_written(text: str) -> None:
    assert is_laughter(text)


@pytest.mark.parametrize(
    "text", ["", "ha", "He has it.", "Hi, hi!", "la la", "no no no", "Haha, stop."]
)
def test_words_are_none(text: str) -> None:
    assert not is_laughter(text)
