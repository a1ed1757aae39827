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
