"""Notation is in order whatever the reference holds, and notation thrown together is not: letters, tokens, words."""

from __future__ import annotations

import random
import string

import pytest

from synthdata.judging.floor import check_letters, letter_measures
from synthdata.judging.grammar import loose_words
from synthdata.judging.neighbours import nats_of_disorder, tokens_of
from synthdata.settings import FloorSettings

FLOOR = FloorSettings()
SOUND = {
    "formulas": r"Let $x_1$, $x_2$, \dots\ be in $S$ with $x_i \to x$. Since $f \colon X \to \mathbb{C}$ is even, "
    r"$f(x)$ is at least $0$, so $\left< f, e_i \right>$ tends to $0$ and $x_e \not\equiv 0 \pmod p$ for all $e$.",
    "haskell": "{-# LANGUAGE OverloadedStrings #-}\nmodule Forth\n  ( ForthError(..)\n  , evalText\n  ) where\n\n"
    "check :: Case -> Either Text [Int]\ncheck Case{..} = either (const []) f input\n  where\n    f (_:xs) = xs",
    "lisp": "(defpackage :binary-search\n  (:use :cl)\n  (:export :binary-find :value-error))\n\n"
    "(test all-sides-equal\n  (is (equal (kind-of :equilateral 2 2 2) t)))",
    "prolog": "member_of(X, [X|_]).\nmember_of(X, [_|T]) :- member_of(X, T).\n?- member_of(a_b, ['--all'|_]).",
    "proof": 'theorem sum_sq:\n  fixes a b :: nat\n  assumes "1 \\<le> a \\<and> a \\<le> b"\n  shows "a*a \\<le> b*b"',
    "sed": r"cat /etc/passwd | sed 's/^\([^:]*\):.*$/crontab -u \1 -l 2>\&1/' | grep -v 'no crontab for' | sh",
    "find": "find /path/to/dir -maxdepth 1 -type f -name '*.pdf' -not -path './old/*' -exec cp -p {} /tmp/x \\;",
    "groups": r"(?:[0-9]+)(?:(?:, ?|,? and )(?:[0-9]+))*",
    "class": r"^egg=([-A-Za-z0-9_.+!]+)$",
    "error": "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    "clinic": "47 yo F c/o N/V x1d. PMH: MIP, CGA, s/p CABG. BP 142/98, HR 97, RR 11. A/P: r/o MI, d/c home, f/u 2wk.",
    "chords": "O [Em]come, Thou Key of [Am/C]David, [Em]come,\nAnd [F#]open wide our [D]heavenly [Em]home;",
    "tune": "X:7\nT:The Old Bridge\nM:6/8\nL:1/8\nK:D\n|:GA/f2 eGA/|geB/ g/e2f|Ggc/ gf/e:|\n|:gd2g/ d/ff/|f2ef Bd2c:|",
    "log": "081111 094633 INFO dfs.DataNode$PacketResponder: Received block blk_-538510 of size 67 from /10.251.42.9",
    "assembly": "    mov    %rbx,%rax\n    xor    %ebx,%ebx\n    movzbl (%rax),%edx\n    movzwl (%rcx,%rdx,2),%edx\n"
    "    and    $0x4000,%dx\n    cmp    $0xffff,%dx\n    jmp    8bdc <free@plt>",
    "numerals": "MDCLXXXII, MMMDCCCXC, MMMCXLI, CCLIX, MMCCXXX, MMMDCCXX, DCCCLXXXVIII",
    "files": "Rename frame_1.jpg and frame_2.jpg:\nperl5\n├── Algorithm\n├── Debian\n├── Dpkg\n├── Dpkg.pm\n└── Error",
    "names": "data BinaryTree a = Leaf | Branch a (BinaryTree a) (BinaryTree a) deriving (Show, Eq)",
    "keywords": "computer simulation simulated annealing computational complexity complex systems optimisation optimal "
    "control controllers systems theory theoretical computing simulations optimization annealed controllability",
}  # fmt: skip
# What those are made of, to be thrown together.
PIECES = {
    "latex": r"\frac \alpha { } $ ^ _ \begin \sum x & \\ [ ]".split(),
    "haskell": "-> => {-# #-} :: where $ . <- (..) | _ x let Maybe ) (".split(),
    "signs": list("!@#$%^&*()[]{}<>/\\|~`+=_-:;,.?'\""),
}


@pytest.mark.parametrize("kind", SOUND)
def test_notation_in_order_passes(kind):
    text = SOUND[kind]
    assert nats_of_disorder(text) < FLOOR.disorder
    assert loose_words(text)[0] < FLOOR.loose_words
    assert check_letters(letter_measures(text), FLOOR) is None


@pytest.mark.parametrize("kind", PIECES)
def test_notation_thrown_together_falls(kind):
    rng = random.Random(5)
    fallen = [nats_of_disorder(" ".join(rng.choices(PIECES[kind], k=60))) >= FLOOR.disorder for _ in range(100)]
    assert sum(fallen) >= 80


def _noise(rng: random.Random, letters: str, shortest: int, longest: int) -> str:
    return " ".join("".join(rng.choices(letters, k=rng.randint(shortest, longest))) for _ in range(rng.randint(12, 40)))


@pytest.mark.parametrize(
    ("letters", "shortest", "longest"),
    [
        (string.ascii_lowercase, 3, 9),
        (string.ascii_lowercase + string.digits, 3, 8),
        (string.ascii_uppercase, 3, 9),
        ("bcdfghjklmnpqrstvwxz", 3, 8),
        ("asdfghjkl;", 2, 5),
    ],
    ids=["letters", "digits among them", "capitals", "consonants", "keyboard"],
)
def test_letters_at_random_fall(letters, shortest, longest):
    rng = random.Random(6)
    found = [check_letters(letter_measures(_noise(rng, letters, shortest, longest)), FLOOR) for _ in range(200)]
    assert sum(reject is not None for reject in found) >= 0.9 * len(found)


def test_words_of_other_families_in_a_row_fall():
    words = (
        "twisted ledger smells patrol retaining mabel shoving cartel pollution paler turin householder sector lattice"
    )
    assert loose_words(f"{words} canyon bowed")[0] == 16
    # Four beginnings came before: they take away what four words of grammar would.
    assert loose_words(f"{words} twist patrols lattices pollute")[0] == 14
    assert loose_words("ledger ledgers ledgering smells")[0] == 1


def test_known_tokens():
    assert tokens_of("c/o state-of-the-art x_1 [Am/C] /etc/passwd --all 'int' :key") == [
        "c/o", "state-of-the-art", "x_1", "[Am/C]", "/etc/passwd", "--all", "'int'", ":key",
    ]  # fmt: skip
    assert tokens_of(r"a \b") == ["a", "\\", "b"]
    assert tokens_of(r"\a \b \{") == [r"\a", r"\b", r"\{"]
    assert tokens_of("f(x) + 12 - 3\n") == ["f", "(", "x", ")", "+", "12 - 3", "\n"]


def test_two_marks_side_by_side_are_a_misfit():
    assert nats_of_disorder("f x -> y") < nats_of_disorder("f x -> => <- y")
