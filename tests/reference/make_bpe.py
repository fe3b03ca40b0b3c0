"""Byte pairs learnt and applied the slow way: algorithm 1 of Sennrich et al. 2016, recounting everything at each merge.

bpe.json: a list of cases { corpus, size, merges = [[left, right], ...], text, encoded = [[symbols of a word], ...] }.
Of equally frequent pairs the one whose symbols are older is taken: by the number of the left one, then of the right one;
the characters are numbered in the order of Unicode. A blank ends each word.
"""
import json
import random


def learn(corpus, size):
    words = {}
    for word in corpus.split():
        key = tuple(word) + (" ",)
        words[key] = words.get(key, 0) + 1
    symbols = ["<unk>", "<s>", "</s>", "\n"] + sorted({c for word in words for c in word})
    number = {symbol: i for i, symbol in enumerate(symbols)}
    merges = []
    while len(number) < size:
        pairs = {}
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + count
        pairs = {pair: count for pair, count in pairs.items() if count > 1}
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], number[pair[0]], number[pair[1]]))
        if best not in merges:
            merges.append(best)
        number.setdefault(best[0] + best[1], len(number))
        words = {merge(word, best): count for word, count in words.items()}
    return merges


def merge(word, pair):
    result, i = [], 0
    while i < len(word):
        if word[i:i + 2] == pair:
            result.append(pair[0] + pair[1])
            i += 2
        else:
            result.append(word[i])
            i += 1
    return tuple(result)


def encode(word, merges):
    symbols = tuple(word) + (" ",)
    while True:
        ranks = [merges.index(pair) for pair in zip(symbols, symbols[1:]) if pair in merges]
        if not ranks:
            return symbols
        symbols = merge(symbols, merges[min(ranks)])


def case(corpus, size, text):
    merges = learn(corpus, size)
    encoded = [encode(word, merges) for word in text.split()]
    return {"corpus": corpus, "size": size, "merges": merges, "text": text, "encoded": encoded}


random.seed(7)


def syllables(n):
    return " ".join("".join(random.choice(["ba", "be", "çã", "do", "dado", "a"]) for _ in range(random.randint(1, 4)))
                    for _ in range(n))


cases = [
    case("low " * 5 + "lower " * 2 + "newest " * 6 + "widest " * 3, 24, "lowest newer wide low"),
    case("aaaa aaa aa aaaaaaa " * 3, 12, "aaaaa a aaaaaaaaaaaaaa"),
    case("abc abc bcd bcd abcd cabc ab bc bcbc", 40, "abcabcd dcba bcbcbc"),
    case(syllables(300), 60, syllables(60)),
    case(" ".join("".join(random.choice("ab") for _ in range(random.randint(1, 9))) for _ in range(200)), 80,
         " ".join("".join(random.choice("ab") for _ in range(random.randint(1, 30))) for _ in range(40))),
]
with open("bpe.json", "w", encoding="utf-8") as file:
    json.dump(cases, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
