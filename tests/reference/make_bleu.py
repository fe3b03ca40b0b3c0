"""bleu.json: corpus BLEU of sacreBLEU for plain and for odd text.

A list of cases: hypotheses; references, a list for each hypothesis; lowercase and tokenize; what sacreBLEU says:
score, counts, totals, precisions, brevity, hypothesis_length, reference_length.

    python3 -m venv env && env/bin/pip install sacrebleu==2.6.0 && env/bin/python make_bleu.py
"""
import json
import os
import random

import sacrebleu

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240229

PLAIN = {
    "one reference": (["the cat sat on the mat.", "hello, world"], [["the cat sat on a mat."], ["hello, big world"]]),
    "equal": (["a b c d e"], [["a b c d e"]]),
    "too short for groups of four": (["a b c"], [["a b c"]]),
    "no match": (["a b c d"], [["e f g h"]]),
    "words match, groups do not": (["a x b y c z"], [["c b a q r s"]]),
    "pairs match, triples do not": (["a b x c d y"], [["c d a b q r"]]),
    "empty hypothesis": ([""], [["a b c"]]),
    "empty reference": (["a b c d"], [[""]]),
    "all empty": ([""], [[""]]),
    "some empty": (["", "the house is very small", ""], [["so"], ["the house is small"], [""]]),
    "shorter than the reference": (["the house is small"], [["the house over there is very small indeed"]]),
    "longer than the reference": (["the house over there is very small indeed"], [["the house over there is small"]]),
    "repeated words are clipped": (["the the the the the the the"], [["the cat is on the mat", "there is a cat"]]),
    "nearest length, a tie": (["a b c d e f"], [["a b c d e", "a b c d e f g", "a b c d"]]),
    "different numbers of references": (["a b c d e", "f g h i j"], [["a b c d x", "b c d e"], ["f g h i"]]),
    "numbers": (["1,000.5 costs 3.50, or 3. 50 - 4-5 and .5,"], [["1,000.5 costs 3,50, or 3.50 - 4 - 5 and .5 ,"]]),
    "punctuation": (["(a) \"b\" [c] {d} e/f g\\h i_j k^l m~n o|p 'q' r's t-u *v* +w+ <x> =y= z? !a #b $c %d @e;f:g`h"],
                    [["( a ) \" b \" [ c ] { d } e / f g \\ h i _ j k ^ l m ~ n o | p 'q' r's t-u * v * + w + <x>"]]),
    "dots and commas": (["a.b.c...d ,,e, 1.2.3 ..4,,5 6.,7 x.1 1.x é.é 1.é"], [["a . b . c . . . d , , e , 1.2.3 . . 4"]]),
    "entities": (["&quot;a&quot; &amp;lt; &lt;b&gt; &amp;amp; &nbsp;"], [["\"a\" < < b > & & nbsp ;"]]),
    "skipped and line ends": (["<skipped>a b-\nc d\ne f g\n"], [["a bc d e f g"]]),
    "a dash before the end": (["a b c d-\n"], [["a b c d-"]]),
    "white space": ("  a\tb\vc\fd\re\x1cf\x1dg\x1eh\x1fi\x85j\xa0k\u1680l\u2003m\u2028n\u2029o\u202fp\u205fq\u3000r  ",),
    "no white space": ("a\u200bb\ufeffc\u180ed e\x00f \x07 g\x7fh",),
    "unicode": (["Olá, você já viu a “praça”? Não… são 3 €.", "日本語。 text", "naïve café — 𝒳😀 fin"],
                [["Olá , você já viu a « praça » ? Não … são 3 € ."], ["日本語 。 text"], ["naïve café – 𝒳😀 fin ."]]),
    "lower case": (["ÀÉÎÖ ΟΔΟΣ ΣΑΣ Σ İSTANBUL Straße ЖДЁМ ẞ Ǆ Ⅷ Ⓐ Ａ 𐐀 A1Σ"],
                   [["àéîö οδος σας σ i̇stanbul straße ждём ß ǆ ⅷ ⓐ ａ 𐐨 a1σ"]]),
}
ALPHABET = list("aabbccddee  ..,,--''\"&;/()1122330é語Σ\n\t") + ["\u2009", "&amp;", "&lt;", "<skipped>", " the ", " of "]


def random_corpus(rng):
    def line():
        return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(60)))

    def near(text):
        return "".join(c if rng.random() < 0.9 else rng.choice(ALPHABET) for c in text)

    references = [[line() for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 5))]
    return [near(rng.choice(r)) for r in references], references


def case(name, hypotheses, references, lowercase, tokenize):
    most = max(len(r) for r in references)
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    b = sacrebleu.BLEU(lowercase=lowercase, tokenize=tokenize).corpus_score(hypotheses, streams)
    return dict(name=name, hypotheses=hypotheses, references=references, lowercase=lowercase, tokenize=tokenize,
                score=b.score, counts=b.counts, totals=b.totals, precisions=b.precisions, brevity=b.bp,
                hypothesis_length=b.sys_len, reference_length=b.ref_len)


rng = random.Random(SEED)
corpora = {name: c if len(c) == 2 else ([c[0]], [[" ".join(c[0].split())]]) for name, c in PLAIN.items()}
corpora |= {f"random {i}": random_corpus(rng) for i in range(40)}
cases = [case(name, *corpus, lowercase, tokenize) for name, corpus in corpora.items()
         for lowercase, tokenize in ((False, "13a"), (True, "13a"), (False, "none"))]
about = dict(sacrebleu=sacrebleu.__version__, seed=SEED)
with open(os.path.join(HERE, "bleu.json"), "w") as file:
    json.dump(dict(about=about, cases=cases), file, indent=0, sort_keys=True)
    file.write("\n")
print(len(cases), "cases")
