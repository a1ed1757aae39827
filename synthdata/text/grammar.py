"""The words that sentences are held together by: of English, and of other languages in Latin letters."""

from __future__ import annotations

# Words that are nobody's entity, even where a context uses them too.
FUNCTION_WORDS = frozenset(
    "a about after again all also an and any are as at be because been before but by can could did do does for from "
    "get go had has have he her here him his how i if in instead into is it its just like make may me might more most "
    "must my need no not now of off on once one only or other our out over own rather same she should since so some "
    "still such take than that the their them then there these they this those though to too try under until up use "
    "was we were what when where which while who why will with without would yet you your".split()
)

# Grammar of languages in Latin letters: prose in another language than the reference's is no soup.
LATIN_GRAMMAR = frozenset(
    "de la le les et un une des est que qui dans pour pas sur du au avec il elle nous vous ce se sont plus "
    "el los las y en una por con para del es no su lo como se al der die das und ist nicht ein eine zu mit den von auf "
    "für im dem sich des auch sie wir ich di che non per è sono della nel del si una il gli o os as e em um uma não "
    "com da do na het een van dat niet op zijn te voor ik je w na nie się z jest że do i och att det som på av för är "
    "ve bir bu için da de ile a az és nem hogy yang dan di untuk ini tidak và của là có không trong".split()
)

# More languages in Latin letters: their commonest words, those spelled in plain letters too. Random English words are
# among them once in some hundred.
WORLD_GRAMMAR = LATIN_GRAMMAR | frozenset(
    "ja on ei se että mutta kun niin kuin hän minä sinä me he oli ole olen mitä tai jos vain myös nyt kaikki mun sun "
    "koska tai vain ennen jälkeen joka jotka mikä myös vielä sitten kuitenkin aina tämä nämä sekä jossa ilman kanssa "
    "ollut voi pitää piti pitänyt pitäisi ensin usein harvoin tällä missä miksi miten johon josta heti lisäksi vaan "
    "ning kui aga ka oma mis kas mina sina tema meie nad oli pole siis veel kõik "
    "és hogy nem van volt meg csak már ez azt egy mint vagy még ha el ki be le lesz volna "
    "je se si by ale jak co tak jsem jste byl pro už ako som bol aj ale keď kde tento jest są był była oraz przez przy "
    "tylko jako po za od dla już ten ta tego jego ich być który "
    "u su sam bi li kako što sve koji ali ili kao još samo ove nije smo ste bilo ker pa tudi sem bil lahko zelo "
    "și în pe cu sunt este din mai ce nu că dar fi al lui pentru când sau într acest "
    "ir kad bet yra su iš tai jis ji kaip apie dėl nuo un ir ar par kas no tas bija viņš "
    "ve bu bir çok daha gibi ama olarak olan kadar sonra ben sen biz onun ile mi var yok değil diye en "
    "önce çünkü bazı yine aynı tekrar sonuçta hem ya ise nasıl neden hiç her şey böyle şimdi gerek gerekir gerekirdi "
    "olur oldu olduğu üzere göre doğru karşı ancak fakat belki bile artık hep yani diğer hangi kim biri tüm bütün "
    "mert amikor ahol itt ott most így úgy lehet kell kellett lett lenne azt ezt ami aki amely után előtt alatt "
    "et kes kus kuidas miks selle need neid siin seal juba enne pärast koos ilma võib peab tuleb olnud oleks väga "
    "və üçün olan bilan uchun va ham bu "
    "adalah dengan dalam pada dari ke akan juga oleh saya kamu anda tidak bisa sudah atau karena orang ada itu lagi "
    "ang ng sa mga na ay ko mo siya ito hindi po kung para naman lang din rin nang "
    "của cho với được người một những các đã này khi như thì mà ở ra nhưng cũng rất tôi anh em bạn "
    "kwa katika wa ya na ni hii hiyo yake lakini kama sana au wake wao ndani cha vya la za wakati pia sasa yangu hapa "
    "da ta ya ne kuma shi wannan amma ba don cikin "
    "ati ni ti si fun awon lati wa pe ko "
    "ukuthi futhi kodwa le yi ku ba nga lo "
    "iyo oo waa ka ku in la uu soo "
    "og jeg det er til på af ikke den vi du han hun som men om så har kan vil ved og ekki sem að við um "
    "en hy sy nie wat dit ons sal kan "
    "amb els les però perquè són molt aquest això eu non ao polo pola moi "
    "eta da ez bat ere dira du zen baina hau "
    "yn ac ar ei wedi bod mae hynny am agus ar an na is sé sí ach leis ag "
    "dhe në të një që për me nuk është janë por nga "
    "kaj la estas en al kun ne li ŝi por ĉu et in est non cum sed ut ad ex quod "
    "hai ka ki ke ko se mein aur nahi kya ho tha thi bhi to hain par main yeh woh kar raha mujhe "
    "wal fi min ana inta mish kan eh ya la "
    "i v na ne chto eto kak ya ty my on ona no a u k po za iz ot dlya tak net da "
    "wa ga ni o no to de mo wo desu masu kara made ka ne yo shi da "
    "de shi le bu zai you wo ta men zhe na hen dou ye he".split()
)
