#!/usr/bin/env python3
"""What the prompt, help, progress and plots look like in terminals of several kinds and widths: a session in tmux, of
which all that the screen has shown is compared with tests/prompt/looks/NAME.txt.

    tests/prompt/looks.py [PROGRAM]        default: build/rnnlua; RENEW_GOLDEN=1 writes the files anew: read them then

Colours are shown as [1] or [38;5;32] where they begin and [] where they end; what differs from machine to machine is
left out. A light terminal must show what a dark one does, and what it shows must have contrast on both."""
import os, re, shutil, subprocess, sys, tempfile, threading, time

PATIENCE, TALL, HERE = 60, 40, os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "looks")
CSV = "day,town,rain\n2026-01-02,Zürich,0.5\n2026-01-03,Bern,12\n"
COMPLETION = ("nn.LSTM(3, 4, { merge = \t\t\t", r"sum")
# Lines, after which the prompt comes again; or keys, what the screen must show then, and its new width.
SESSION = [
    "1 + 1, true, 'text'", "{ 1, 'two', x = { false } }", "rnn.ones(2, 60)", "rnn.arange(40):to_float():sin()",
    "w = data.csv 'weather.csv'", "w", "print(rnn.ones(2, 3), w.rain)", "nn.LSTM(3)", "error 'no'",
    "function f(a, ...) end", "f", "rnn.fit", "?nn.Linear", "?", "?padding", "%who", "%apropos chrono",
    COMPLETION, ("\003", r"\^C\n(.*\n)*> $"),
    "rnn.plot.matrix({ { 1, -1 }, { 0, 0.5 } })", "l = { y = { 1, 2 }, label = 'a' }",
    "rnn.plot.lines({ l }, { title = 'T' })",
    "d = data.arrays(rnn.ones(8, 1), rnn.ones(8, 1))", "m = nn.Linear(1, 1, { kernel = 'ones' })",
    "b, o = d:batches { size = 4 }, optim.SGD(m:parameters())",
    "c = { on_step = function(_, _, n) if n == 2 then print() io.read() end end }",
    "t = { data = b, loss = 'mse', optimizer = o, epochs = 2, callbacks = { c } }",
    ("h = rnn.fit(m, t)\r", r"fit\(m, t\)\n(epoch.*)?\n"), "",
]
DEFAULT = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLUMNS": "80", "PAGER": "cat"}
LOOKS = {
    "wide": {"COLUMNS": "200"}, "usual": {}, "narrow": {"COLUMNS": "60"}, "rgb": {"COLORTERM": "truecolor"},
    "no_color": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}, "c_locale": {"LC_ALL": "C"}, "light": {},
}
GROUNDS = {"dark": (0, 0, 0), "light": (255, 255, 255)}
FAINTEST = 2.2  # contrast: as that of the palest colour of plots on paper (tests/spec/plot_color_spec.lua)


class Screen:
    """A terminal of tmux with the program in it."""

    def __init__(self, program, name, look):
        self.home, self.name = tempfile.mkdtemp(), name
        with open(f"{self.home}/weather.csv", "w", encoding="utf-8") as file:
            file.write(CSV)
        with open(f"{self.home}/inputrc", "w", encoding="ascii") as file:
            file.write("set blink-matching-paren off\n")  # which moves the cursor or not, as keys come
        environment = {**DEFAULT, **look, "HOME": self.home, "INPUTRC": f"{self.home}/inputrc", "PATH": os.environ["PATH"]}
        columns = environment.pop("COLUMNS")
        open(f"{self.home}/raw", "wb").close()
        words = [f"{key}={value}" for key, value in environment.items()]
        ground = "bg=white,fg=black" if name == "light" else "bg=black,fg=white"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", str(TALL), "cat", ";",
                  "set", "-g", "status", "off", ";", "set", "-g", "history-limit", "5000", ";",
                  "set", "-g", "remain-on-exit", "on", ";", "set", "-g", "window-style", ground, ";",
                  "new-window", "-c", self.home, "env", "-i", *words, "sh", "-c",
                  'read -r _; exec "$0" "$@"', program, "--threads", "1", "--seed", "1", "-i", ";",
                  "pipe-pane", f"cat > {self.home}/raw")
        self.keys("\r")
        self.wait(r"\? for help\n+> $")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-L", f"rnnlua-{os.getpid()}-{self.name}", *words], check=True,
                              stdout=subprocess.PIPE).stdout.decode()

    def keys(self, text):
        self.tmux("send-keys", "-H", *(f"{byte:02x}" for byte in text.encode()))

    def said(self):
        with open(f"{self.home}/raw", "rb") as file:
            return file.read().decode("utf-8", "ignore")

    def wait(self, pattern, since=0):
        """Until what has been written since then shows the pattern."""
        end = time.time() + PATIENCE
        while True:
            text = re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", self.said()[since:]).replace("\r", "")
            if re.search(pattern, text):
                return
            if time.time() > end:
                raise RuntimeError(f"{self.name}: waited for {pattern!r} in {text!r}")
            time.sleep(0.01)

    def answer(self, line):
        since = len(self.said())
        if isinstance(line, tuple):
            self.keys(line[0])
            self.wait(line[1], since)
        else:
            self.keys(line + "\r")
            self.wait(r"\n> $", since)

    def close(self):
        self.tmux("kill-server")
        shutil.rmtree(self.home)


def cells(text):
    """What tmux captured as (character, set of colours), line by line."""
    lines, now = [], ()
    for line in text.split("\n"):
        row = []
        for code, char in re.findall(r"\033\[([0-9;]*)m|(.)", line):
            if char:
                row.append((char, now))
                continue
            for part in re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", code or "0"):
                keeps = {"39": "3", "49": "4"}.get(part, part[0] if len(part) > 1 else None)
                now = () if part == "0" else tuple(p for p in now if len(p) < 2 or p[0] != keeps)
                if part not in ("0", "39", "49"):
                    now = tuple(sorted({*now, part}))
        lines.append(row)
    return lines


def marked(rows):
    """The lines with [colours] where they change, without blanks at their ends, which not every tmux gives."""
    out, now = [], ()
    for row in rows:
        line = ""
        while row and row[-1][0] == " ":
            row.pop()
        for char, colors in row + [("", ())]:
            if colors != now:
                line += f"[{';'.join(colors)}]"
                now = colors
            line += char
        out.append(line.rstrip())
    return "\n".join(out)


def neat(text):
    """Without what varies."""
    text = re.sub(r"kernels [\w-]+", "kernels K", text)
    text = re.sub(r"rnnlua \d+\.\d+\.\d+", "rnnlua V", text)
    text = re.sub(r"\d+ steps/s", "N steps/s", text)
    text = re.sub(r"([─-])\1+(\[\])?(?=  loss \S+  N steps/s)", r"\1…\2", text)  # the bar gives way to a rate's digits
    text = re.sub(r"\d+\.\d\d s\b", "T s", text)
    return re.sub(r"(\[rnn\]/[\w/]+\.lua):\d+", r"\1:N", text)


def luminance(rgb):
    return sum(share * (v / 3294.6 if v <= 10.31475 else ((v / 255 + 0.055) / 1.055) ** 2.4)
               for share, v in zip((0.2126, 0.7152, 0.0722), rgb))


def color(codes, where, default):
    """The colour that was asked for; None where the terminal's own theme chooses it."""
    for code in codes:
        parts = [int(part) for part in code.split(";")]
        if parts[0] == where + 8 and parts[1] == 2:
            return tuple(parts[2:])
        if parts[0] == where + 8 and parts[2] > 231:
            return (8 + 10 * (parts[2] - 232),) * 3
        if parts[0] == where + 8:
            return tuple((0, 95, 135, 175, 215, 255)[(parts[2] - 16) // place % 6] for place in (36, 6, 1))
        if parts[0] // 10 * 10 == where:
            return None
    return default


def check(name, said, rows):
    text = "\n".join("".join(char for char, _ in row) for row in rows)
    said = said.split("? for help", 1)[1]
    if name in ("dumb", "c_locale") and not text.isascii():
        raise RuntimeError(f"{name}: not ASCII: " + repr(re.findall(r".*[^\x00-\x7f].*", text)))
    if name == "dumb" and "\033" in said:
        raise RuntimeError(f"{name}: control codes: " + repr(re.findall(r".*\033.*", said)))
    if bool(re.search(r"\033\[[0-9;]*[1-9]m", said)) != (name not in ("dumb", "no_color")):
        raise RuntimeError(f"{name}: colours: {said!r}")
    for char, codes in {cell for row in rows for cell in row if not cell[0].isspace()}:
        for ground, rgb in GROUNDS.items():
            below, above = color(codes, 40, rgb), color(codes, 30, None)
            light, dark = sorted((luminance(above), luminance(below)), reverse=True) if above and below else (1, 0)
            if (light + 0.05) / (dark + 0.05) < FAINTEST:
                raise RuntimeError(f"{name}: {char!r} in {codes} is faint on {ground}")


def run(program, name, look, got):
    screen = Screen(program, name, look)
    try:
        for line in SESSION:
            if name != "dumb" or line != COMPLETION:  # where nothing completes
                screen.answer(line)
        rows = cells(screen.tmux("capture-pane", "-p", "-e", "-S", "-"))
        while rows and not rows[-1]:
            rows.pop()
        check(name, screen.said(), rows)
        got[name] = neat(marked(rows)) + "\n"
    except RuntimeError as error:
        got[name] = error
    finally:
        screen.close()


def main():
    if not shutil.which("tmux"):
        print("skipped: there is no tmux")
        sys.exit(77)
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/rnnlua")
    got = {}
    threads = [threading.Thread(target=run, args=(program, name, look, got)) for name, look in LOOKS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in LOOKS:
        if not isinstance(got.get(name), str):
            sys.exit(str(got.get(name)))
        path = os.path.join(FOLDER, ("usual" if name == "light" else name) + ".txt")
        if os.environ.get("RENEW_GOLDEN") and name != "light":
            with open(path, "w", encoding="utf-8") as file:
                file.write(got[name])
        with open(path, encoding="utf-8") as file:
            wanted = file.read()
        if got[name] != wanted:
            lines = [f"- {a}\n+ {b}" for a, b in zip(wanted.split("\n"), got[name].split("\n")) if a != b]
            sys.exit(f"{name} differs from {path}:\n" + "\n".join(lines[:20] or ["their lengths differ"]))
    print(f"{len(LOOKS)} terminals look as they did")


if __name__ == "__main__":
    main()
