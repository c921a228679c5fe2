"""The phrases of an answer in every language that is understood: nothing but data.

Of each: what is a yes; what may stand beside one; a no; what decides nothing (also of words that
would be a yes); what makes a question or a condition of whatever it stands in.
"""

# fmt: off
PHRASES: dict[str, tuple[str, str, str, str, str]] = {
    "en": (
        "yes|yeah|yea|yep|yup|aye|sure|sure thing|ok|okay|alright|all right|right|correct"
        "|confirm|confirmed|i confirm|definitely|absolutely|certainly|exactly|agreed|i agree"
        "|affirmative|indeed|go ahead|go for it|do it|do that|do so|of course|please do"
        "|by all means|you may|sounds good|uh huh|that s right|that is right|that s correct"
        "|that is correct|i m sure|i am sure|yes sir|yes ma am",
        "please|thanks|thank you|very much|now|just|then|you can|you may|i do|it is|i am|i would"
        "|i want that|i d like that|i would like that|that s fine|sir|ma am",
        "no|not|nope|nah|don|never|dont|doesn|didn|won|wouldn|shouldn|cannot|can t|cant|isn|wasn"
        "|stop|wait|cancel|abort|hold on|hang on|hold it|nevermind|never mind|forget it|leave it"
        "|skip it|negative|refuse|uh uh|nuh uh|i m ok|i m okay|i m alright|i m all right|i am ok"
        "|i am okay|that s ok|that s okay|that s alright|that s all right|that is ok|it s ok"
        "|it s okay|it s alright|that is okay|i m good|i m fine|i am fine|no way|hell no|god no",
        "maybe|perhaps|possibly|probably|i guess|i suppose|i think|kind of|sort of|hm|hmm|um|uh"
        "|er|well|mm|mhm|mm hmm|i don t know|i dont know|dunno|not sure|i m not sure"
        "|i am not sure|i m not certain|whatever|if you want|if you like|if you must"
        "|if you say so|as you like|as you wish|suit yourself|be my guest|why not|fine|could be"
        "|might be|let me think|oh|up to you|it s up to you|yeah right|right now|i don t mind"
        "|don t care|i don t care|yes and no|i can t decide",
        "why|what|when|where|who|which|whose|how|do you|are you|will you|would you|can i"
        "|could you|is that|is it|is this|does|did|should|shall|if|but|unless|until|only|except"
        "|instead|rather|after|before|later|first|tomorrow|next|other|else|another|or|then what",
    ),
    "de": (
        "ja|jawohl|jep|jo|jup|klar|na klar|alles klar|genau|richtig|natürlich|selbstverständlich"
        "|einverstanden|unbedingt|gerne|gern|sehr gerne|ja gerne|ok|okay|in ordnung|mach das"
        "|mach es|mach mal|tu das|tu es|auf jeden fall|auf alle fälle|bitte machen|ja bitte"
        "|stimmt|das stimmt|ich bin einverstanden|ich bin sicher|aber sicher|aber ja",
        "bitte|bitte sehr|danke|danke schön|vielen dank|jetzt|sofort",
        "nein|nee|nö|ne|nicht|nichts|nie|niemals|kein|keine|keinen|keinesfalls|stopp|stop|halt"
        "|warte|warten|moment|abbrechen|lass|vergiss|vergiss es|auf keinen fall|keine ahnung",
        "vielleicht|möglicherweise|eventuell|wahrscheinlich|hm|hmm|äh|ähm|öh|naja|na ja|tja"
        "|mal sehen|weiß nicht|ich weiß nicht|keine ahnung|bin nicht sicher|ich bin nicht sicher"
        "|ich glaube|ich denke|von mir aus|meinetwegen|wenn du meinst|wie du willst|mir egal"
        "|ist mir egal|egal|warum nicht|jein|sicher|ach|gleich|ja dann",
        "warum|wieso|weshalb|was|wann|wo|wer|welche|welcher|welches|wie|willst du|bist du"
        "|kannst du|ist das|ist es|soll|wenn|falls|aber|sondern|nur|außer|erst|später|morgen"
        "|nachher|oder|andere|anderen|lieber|stattdessen",
    ),
    "fr": (
        "oui|ouais|absolument|volontiers|avec plaisir|certainement|exactement|tout à fait|ok"
        "|okay|d accord|bien sûr|vas y|allez y|parfait|c est ça|entendu|je confirme"
        "|je suis d accord|fais le|faites le|affirmatif",
        "s il te plaît|s il vous plaît|merci|merci beaucoup|tout de suite|maintenant",
        "non|pas|jamais|rien|ne|n|stop|arrête|arrêtez|attends|attendez|annule|annulez|laisse"
        "|laisse tomber|surtout pas|aucun",
        "peut être|sans doute|probablement|hm|hmm|euh|heu|bof|ben|je ne sais pas|je sais pas"
        "|je crois|je pense|si tu veux|si vous voulez|comme tu veux|comme vous voulez"
        "|pourquoi pas|ça m est égal|mouais|bah|c est bon|alors",
        "pourquoi|quoi|que|quand|où|qui|quel|quelle|quels|comment|est ce|veux tu|voulez vous"
        "|es tu|si|mais|seulement|sauf|plus tard|demain|après|avant|d abord|ou|plutôt|l autre",
    ),
    "es": (
        "sí|si|claro|claro que sí|vale|correcto|adelante|por supuesto|de acuerdo|hazlo|hágalo|ok"
        "|okay|exacto|exactamente|desde luego|perfecto|está bien|confirmo|confirmado|afirmativo",
        "por favor|gracias|muchas gracias|ahora|ahora mismo|entonces",
        "no|nunca|jamás|nada|ni|tampoco|para|pare|espera|espere|cancela|cancele|detente|déjalo"
        "|olvídalo|negativo",
        "quizás|quizá|tal vez|a lo mejor|puede ser|probablemente|creo|supongo|hm|hmm|eh|pues"
        "|bueno|no sé|no lo sé|no estoy seguro|no estoy segura|como quieras|si quieres"
        "|por qué no|me da igual|lo que quieras|ya|está bien gracias",
        "por qué|qué|cuándo|cuando|dónde|quién|cuál|cómo|quieres|es eso|estás|pero|solo|sólo"
        "|excepto|menos|después|luego|mañana|antes|primero|o|otra|otro|mejor|si quieres",
    ),
    "it": (
        "sì|si|certo|certamente|certo che sì|va bene|ok|okay|d accordo|esatto|esattamente"
        "|assolutamente sì|volentieri|naturalmente|ovviamente|fallo|lo faccia|procedi|proceda"
        "|perfetto|confermo|confermato|giusto|vai pure|affermativo",
        "per favore|per piacere|grazie|grazie mille|adesso|ora|subito|allora",
        "no|non|mai|niente|nulla|né|ferma|fermati|stop|aspetta|aspetti|annulla|lascia perdere"
        "|lascia stare|neanche|nemmeno",
        "forse|magari|probabilmente|può darsi|credo|penso|suppongo|hm|hmm|eh|mah|boh|beh|ehm"
        "|non so|non lo so|non sono sicuro|non sono sicura|come vuoi|se vuoi|perché no"
        "|fa lo stesso",
        "perché|cosa|che|quando|dove|chi|quale|come|vuoi|è vero|sei|se|ma|però|solo|tranne|dopo"
        "|più tardi|domani|prima|o|oppure|altro|altra|invece|piuttosto",
    ),
    "pt": (
        "sim|claro|claro que sim|com certeza|certo|correto|exato|exatamente|ok|okay|tá bom"
        "|está bem|tudo bem|pode fazer|faça|faz isso|de acordo|concordo|por favor sim|perfeito"
        "|confirmo|confirmado|podes|sim senhor|afirmativo",
        "por favor|se faz favor|obrigado|obrigada|muito obrigado|muito obrigada|agora|então",
        "não|nao|nunca|jamais|nada|nem|para|pare|espera|espere|cancela|cancele|deixa|esquece"
        "|negativo",
        "talvez|provavelmente|pode ser|quem sabe|acho|acho que sim|hm|hmm|eh|bem|bom|não sei"
        "|não tenho certeza|se quiser|se quiseres|como quiser|por que não|tanto faz|sei lá|já"
        "|tudo bem obrigado|tudo bem obrigada"
        "|está bem obrigado|está bem obrigada|tá bom obrigado|tá bom obrigada",
        "por que|porque|porquê|o que|que|quando|onde|quem|qual|como|você quer|queres|é verdade"
        "|se|mas|só|somente|exceto|menos|depois|mais tarde|amanhã|antes|primeiro|ou|outra|outro",
    ),
    "nl": (
        "ja|jawel|jazeker|zeker|graag|ja graag|prima|natuurlijk|ok|okay|oké|akkoord|doe maar"
        "|doe het|doe dat|klopt|dat klopt|precies|absoluut|goed|is goed|ga je gang",
        "alsjeblieft|alstublieft|dank je|dank u|bedankt|dank je wel|nu|meteen|dan",
        "nee|neen|niet|nooit|niets|geen|stop|wacht|annuleer|laat maar|laat|vergeet het",
        "misschien|wellicht|waarschijnlijk|mogelijk|hm|hmm|eh|ehm|tja|nou|weet niet"
        "|ik weet het niet|weet ik niet|ik denk|ik geloof|als je wilt|zoals je wilt|waarom niet"
        "|maakt niet uit|mij best|ja dan|goed dank je|goed bedankt",
        "waarom|wat|wanneer|waar|wie|welke|hoe|wil je|ben je|is dat|als|maar|alleen|behalve"
        "|later|morgen|straks|eerst|of|andere|liever",
    ),
    "pl": (
        "tak|jasne|oczywiście|dobrze|zgoda|pewnie|zgadza się|w porządku|ok|okay|naturalnie"
        "|zrób to|proszę bardzo|potwierdzam|dokładnie|koniecznie",
        "proszę|dziękuję|dzięki|teraz|od razu",
        "nie|no|nigdy|nic|żaden|stop|stój|czekaj|poczekaj|zaczekaj|anuluj|zostaw|przestań"
        "|niestety",
        "może|być może|chyba|chyba tak|prawdopodobnie|raczej|hm|hmm|yyy|eee|nie wiem"
        "|nie jestem pewien|nie jestem pewna|jak chcesz|czemu nie|dlaczego nie|wszystko jedno"
        "|obojętnie|no tak|zaraz|dobrze dziękuję|w porządku dziękuję|dobrze dzięki",
        "dlaczego|czemu|co|kiedy|gdzie|kto|który|która|jak|czy|chcesz|jesteś|jeśli|jeżeli|ale"
        "|tylko|oprócz|później|potem|jutro|najpierw|albo|lub|inne|drugie",
    ),
    "ru": (
        "да|конечно|давай|давайте|хорошо|согласен|согласна|разумеется|верно|точно|именно"
        "|подтверждаю|сделай|сделайте|сделай это|окей|ок|безусловно|да конечно",
        "пожалуйста|спасибо|сразу|тогда",
        "нет|не|никогда|ничего|ни|нельзя|стоп|стой|подожди|подождите|погоди|отмена|отмени"
        "|отставить|забудь|оставь|да нет",
        "может|может быть|возможно|наверное|вероятно|думаю|кажется|хм|эм|ну|э|не знаю|я не знаю"
        "|не уверен|не уверена|как хочешь|как хотите|почему нет|почему бы и нет|все равно"
        "|всё равно|ладно|сейчас",
        "почему|зачем|что|когда|где|кто|какой|какая|какую|как|разве|ты хочешь|если|но|только"
        "|кроме|потом|позже|завтра|сначала|или|другой|другую|ли",
    ),
    "tr": (
        "evet|tamam|olur|tabii|tabii ki|elbette|kesinlikle|doğru|peki|onaylıyorum|aynen|yap"
        "|lütfen yap|memnuniyetle",
        "lütfen|teşekkürler|teşekkür ederim|sağ ol|şimdi|hemen",
        "hayır|yok|değil|asla|dur|bekle|iptal|vazgeç|boş ver|istemiyorum|yapma|olmaz",
        "belki|galiba|sanırım|herhalde|muhtemelen|hm|hmm|şey|yani|bilmiyorum|emin değilim"
        "|sen bilirsin|istersen|neden olmasın|fark etmez|tamam sağ ol|tamam teşekkürler"
        "|tamam teşekkür ederim",
        "neden|niye|niçin|ne|ne zaman|nerede|kim|hangi|nasıl|mı|mi|mu|mü|musun|misin|mısın|eğer"
        "|ama|fakat|sadece|hariç|sonra|yarın|önce|veya|ya da|başka|diğer",
    ),
    "ja": (
        "はい|ええ|うん|お願いします|お願い|どうぞ|もちろん|もちろんです|そうです"
        "|そうしてください|やってください|してください|了解|了解です|オーケー"
        "|大丈夫です、お願いします|承知しました",
        "ぜひ|今すぐ|ありがとう|ありがとうございます",
        "いいえ|いえ|いや|嫌|だめ|駄目|ダメ|やめて|やめ|ない|ません|なく|待って|ストップ"
        "|キャンセル|結構|違う|違い|止め",
        "多分|たぶん|かもしれ|かも|さあ|えっと|えーと|うーん|どうかな|どうでしょう|分からない"
        "|わからない|分かりません|わかりません|まあ|どちらでも|好きに|でしょう|いいです",
        "なぜ|なに|何|いつ|どこ|誰|だれ|どれ|どの|どう|ですか|ますか|か|のか|でも|けど|ただ|だけ"
        "|後で|あとで|明日|先に|もし|なら|たら|前に|他の|別の|以外",
    ),
    "zh": (
        "是|是的|好|好的|好啊|可以|行|行的|对|对的|没问题|当然|当然可以|确定|确认|同意|嗯好的"
        "|请做|做吧|去做吧|是啊|對|沒問題|當然|確定|確認",
        "请|請|谢谢|謝謝|谢谢你|现在",
        "不|没|沒|别|別|否|勿|无|停|等|取消|算了|免了|慢着",
        "也许|也許|可能|大概|或许|或許|嗯|呃|好吧|随便|隨便|不知道|不确定|不確定|看你|都行"
        "|无所谓|没想好",
        "吗|嗎|么|麼|呢|为什么|為什麼|什么|怎么|哪|谁|誰|几|幾|如果|要是|但|但是|不过|可是|只"
        "|除了|以后|之后|等会|待会|明天|先|再|还是|另|别的|其他",
    ),
    "ko": (
        "네|예|응|그래|그래요|좋아|좋아요|좋습니다|물론|물론이죠|물론입니다|맞아요|맞습니다"
        "|해 주세요|해주세요|그렇게 해 주세요|그렇게 해주세요|하세요|부탁해요|부탁합니다"
        "|부탁드립니다|알겠습니다|확인|오케이",
        "제발|감사합니다|고마워요|고맙습니다|지금|바로|그럼|당장",
        "아니|아니요|아뇨|아니오|안|안돼|안 돼|안돼요|안 돼요|못|하지|하지마|하지 마|하지 마세요"
        "|말아요|말고|싫어|싫어요|그만|멈춰|잠깐|잠깐만|잠깐만요|기다려|취소|됐어|됐어요"
        "|괜찮아요|괜찮습니다",
        "아마|아마도|글쎄|글쎄요|음|어|저기|혹시|모르겠어요|모르겠습니다|몰라|몰라요|마음대로"
        "|아무거나|상관없어요|그럴지도",
        "왜|뭐|무엇|언제|어디|누구|어느|어떤|어떻게|인가요|까요|나요|만약|하지만|그런데|근데|만"
        "|나중에|내일|먼저|아니면|다른|대신|빼고",
    ),
    "sv": (
        "ja|japp|jo|visst|självklart|javisst|okej|ok|gärna|absolut|gör det|det stämmer",
        "tack|snälla|nu|då",
        "nej|inte|aldrig|stopp|vänta|avbryt",
        "kanske|hm|öh|vet inte|varför inte",
        "varför|vad|när|var|vem|vilken|hur|vill du|om|men|bara|senare|eller|är det",
    ),
    "da": (
        "ja|jo|jep|selvfølgelig|okay|ok|gerne|ja tak|gør det|helt sikkert",
        "tak|nu|så",
        "nej|ikke|aldrig|stop|vent|annuller",
        "måske|hm|øh|ved ikke|hvorfor ikke",
        "hvorfor|hvad|hvornår|hvor|hvem|hvilken|hvordan|vil du|hvis|men|kun|senere|eller|er det",
    ),
    "no": (
        "ja|jo|jepp|selvfølgelig|okei|ok|gjerne|ja takk|gjør det|absolutt",
        "takk|nå|da",
        "nei|ikke|aldri|stopp|vent|avbryt",
        "kanskje|hm|eh|vet ikke|hvorfor ikke",
        "hvorfor|hva|når|hvor|hvem|hvilken|hvordan|vil du|hvis|men|bare|senere|eller|er det",
    ),
    "fi": (
        "kyllä|joo|juu|totta kai|okei|ok|selvä|tietenkin|tee se|ilman muuta",
        "kiitos|nyt|sitten",
        "ei|en|älä|seis|odota|peruuta",
        "ehkä|hm|öö|en tiedä|miksei",
        "miksi|mitä|milloin|missä|kuka|mikä|miten|haluatko|onko|jos|mutta|vain|myöhemmin|tai",
    ),
    "cs": (
        "ano|jo|jasně|jistě|samozřejmě|dobře|určitě|souhlasím|udělej to",
        "prosím|děkuji|díky|teď",
        "ne|není|nikdy|stop|stůj|počkej|zruš",
        "možná|asi|hm|no|nevím|proč ne",
        "proč|co|kdy|kde|kdo|který|jak|chceš|jestli|pokud|ale|jen|později|nebo|je to",
    ),
    "uk": (
        "так|звичайно|звісно|добре|гаразд|згоден|згодна|авжеж|зроби це",
        "будь ласка|дякую|зараз",
        "ні|не|ніколи|стоп|стій|чекай|зачекай|скасуй",
        "можливо|мабуть|хм|ну|не знаю|чому ні",
        "чому|навіщо|що|коли|де|хто|який|як|чи|якщо|але|тільки|пізніше|або",
    ),
}
ANYWHERE = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "ja", "zh", "ko")
"""Those that are understood where the session's language is not known."""

AND = {
    "en": "and", "de": "und|sowie", "fr": "et", "es": "y|e", "it": "e|ed", "pt": "e", "nl": "en",
    "pl": "i|oraz", "ru": "и", "tr": "ve|ile", "ja": "と|や", "zh": "和|与|及|跟",
    "ko": "와|과|하고", "sv": "och", "da": "og", "no": "og", "fi": "ja", "cs": "a", "uk": "і|й|та",
}
"""What joins several things that a question asks about."""

# fmt: on
