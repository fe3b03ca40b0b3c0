#!/usr/bin/env python3
"""Draws what the prompt looks like, for README.md: docs/prompt.svg and docs/training.svg, from screens of tmux.

    tests/prompt/pictures.py [PROGRAM [FOLDER]]        default: build/rnnlua docs"""
import html, os, sys

import looks

WIDE, HIGH = 8.4, 18  # of a character
GROUND, INK = "#1d1f21", "#d5d8d6"
THEME = (GROUND, "#e06c75", "#8fbf7f", "#d8b26e", "#61afef", "#c792d8", "#56b6c2", INK)
PICTURES = {
    "prompt": [
        "rnn.arange(48):to_float():sin()", "nn.GRU(3)", "?nn.GRU:step",
        "l = { y = rnn.arange(80):to_float():sin():totable(), label = 'sin' }",
        "rnn.plot.lines { l, { y = rnn.randn(80):cumsum(1) / 8, label = 'a walk' } }",
    ],
    "training": [
        "x = rnn.randn(512, 20, 1)", "d, v = data.arrays(x, x:mean(2)), data.arrays(x * 2, x:mean(2) * 2)",
        "m = nn.Sequential { nn.GRU(1, 16, { returns = 'last' }), nn.Linear(16, 1) }",
        "o = optim.Adam(m:parameters(), { lr = 0.01 })",
        "t = { data = d:batches { size = 32 }, valid = v, loss = 'mse', optimizer = o, epochs = 99, progress = 'best' }",
        ("h = rnn.fit(m, t)\r", r"epoch 9/99"), ("\003", r"loop> $"), ("run.epoch, opt.lr\r", r"\nloop> $"),
        ("model[1].weight_hh_l0.grad:norm()\r", r"\nloop> $"), ("opt.lr = 0.001\r", r"\nloop> $"), ("stop\r", r"\n> $"),
        "rnn.plot.matrix(m[1].weight_hh_l0:slice(1, 1, 16):detach())",
    ],
}


def rgb(codes, where, default):
    for code in codes:
        if len(code) == 2 and int(code) // 10 * 10 == where:
            return THEME[int(code) - where]
    found = looks.color(codes, where, None)
    return "#%02x%02x%02x" % found if found else default


def drawn(rows):
    width, height = max(len(row) for row in rows) * WIDE + 24, len(rows) * HIGH + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
           f' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
           f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>']
    for y, row in enumerate(rows):
        at = 0
        while at < len(row):
            end = at
            while end < len(row) and row[end][1] == row[at][1]:
                end += 1
            codes, text = row[at][1], "".join(char for char, _ in row[at:end])
            x, below = 12 + at * WIDE, rgb(codes, 40, None)
            if below:
                out.append(f'<rect x="{x:g}" y="{y * HIGH + 12:g}" width="{(end - at) * WIDE:g}" height="{HIGH}" fill="{below}" '
                           'shape-rendering="crispEdges"/>')
            if text.strip():
                more = (' font-weight="bold"' if "1" in codes else "") + (' opacity="0.6"' if "2" in codes else "")
                out.append(f'<text x="{x:g}" y="{y * HIGH + 26:g}" textLength="{(end - at) * WIDE:g}" '
                           f'lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="{rgb(codes, 30, INK)}"{more}>'
                           f"{html.escape(text)}</text>")
            at = end
    return "\n".join(out + ["</svg>\n"])


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/rnnlua")
    folder = sys.argv[2] if len(sys.argv) > 2 else "docs"
    for name, session in PICTURES.items():
        screen = looks.Screen(program, name, {"COLUMNS": "100", "COLORTERM": "truecolor"})
        try:
            for line in session:
                screen.answer(line)
            rows = looks.cells(screen.tmux("capture-pane", "-p", "-e", "-S", "-"))
        finally:
            screen.close()
        while rows and not rows[0]:
            rows.pop(0)
        while rows and not rows[-1]:
            rows.pop()
        with open(f"{folder}/{name}.svg", "w", encoding="utf-8") as file:
            file.write(drawn(rows))


main()
