#!/usr/bin/env python3
"""What the prompt, help, progress and plots look like in terminals of several kinds and widths, compared with
tests/prompt/looks/NAME.txt.

    tests/prompt/looks.py [PROGRAM]        default: build/rnnlua; RENEW_GOLDEN=1 writes the files anew: read them then

Escape sequences are shown as ^[; what differs from machine to machine, and all that readline draws, is left out."""
import fcntl, os, pty, re, select, struct, sys, tempfile, termios, time

PATIENCE, FOLDER = 60, os.path.join(os.path.dirname(os.path.abspath(__file__)), "looks")
SESSION = [
    "1 + 1, true, 'text'", "{ 1, 'two', x = { false } }", "rnn.ones(2, 60)", "rnn.arange(40):to_float():sin()",
    "nn.LSTM(3)", "error 'no'", "function f(a, ...) end", "f", "rnn.fit", "?nn.Linear", "%who",
    "rnn.plot.matrix({ { 1, -1 }, { 0, 0.5 } })", "l = { y = { 1, 2 }, label = 'a' }",
    "rnn.plot.lines({ l }, { title = 'T' })",
    "d = data.arrays(rnn.ones(8, 1), rnn.ones(8, 1))", "m = nn.Linear(1, 1, { kernel = 'ones' })",
    "b, o = d:batches { size = 4 }, optim.SGD(m:parameters())",
    "t = { data = b, loss = 'mse', optimizer = o, epochs = 2 }", "h = rnn.fit(m, t)",
]
DEFAULT = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLUMNS": 80, "PAGER": "cat"}
LOOKS = {
    "wide": {"COLUMNS": 200}, "usual": {}, "narrow": {"COLUMNS": 60}, "rgb": {"COLORTERM": "truecolor"},
    "no_color": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}, "c_locale": {"LC_ALL": "C"},
}


def run(program, look):
    environment = {**DEFAULT, **look}
    columns = environment.pop("COLUMNS")
    with tempfile.TemporaryDirectory() as home:
        with open(f"{home}/inputrc", "w", encoding="ascii") as file:
            file.write("set blink-matching-paren off\n")  # which moves the cursor or not, as keys come
        pid, fd = pty.fork()
        if pid == 0:
            time.sleep(0.1)  # until the size is set
            os.execve(program, [program, "--threads", "1", "--seed", "1", "-i"],
                      {"HOME": home, "INPUTRC": f"{home}/inputrc", "PATH": os.environ["PATH"], **environment})
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        answers = [wait(fd)]
        for line in SESSION:
            os.write(fd, f"{line}\r".encode())
            answers.append(wait(fd, line))
        os.write(fd, b"\004")
        while select.select([fd], [], [], 5)[0]:
            try:
                if not os.read(fd, 65536):
                    break
            except OSError:
                break
        if os.waitpid(pid, 0)[1] != 0:
            sys.exit("the program failed")
    return answers


main_prompt = re.compile(r"(?:^|\n)(?:\r|\033\[[0-9;]*m|\033\[\?2004[hl])*> (?:\033\[0m)?(?:\033\[K)?$")


def wait(fd, line=None):
    """All until the prompt is there again."""
    seen, end = b"", time.time() + PATIENCE
    while True:
        text = seen.decode("utf-8", "ignore").replace("\r\n", "\n")
        if main_prompt.search(text) and (line is None or "\n" in text):
            return text
        if time.time() > end or not select.select([fd], [], [], end - time.time())[0]:
            sys.exit(f"no prompt after {line!r}:\n{text!r}")
        seen += os.read(fd, 65536)


def neat(line, text):
    """The answer without the echo of the line and the next prompt, and without what varies."""
    text = main_prompt.sub("\n", text)
    if line is not None:
        text = text.split("\n", 1)[1] if "\n" in text else ""
    text = re.sub(r"\033\[\?2004[hl]", "", text)
    text = re.sub(r"^\r", "", text)
    text = re.sub(r"kernels [\w-]+", "kernels K", text)
    text = re.sub(r"rnnlua \d+\.\d+\.\d+", "rnnlua V", text)
    text = re.sub(r"[^\n]*\repoch", "epoch", text)  # of a line that renews itself the last state
    text = re.sub(r"\d+\.\d\d s\b", "T s", text)
    text = re.sub(r"(\[rnn\]/[\w/]+\.lua):\d+", r"\1:N", text)
    return text.strip("\n")


def check(name, look, answers):
    said = "\n".join(neat(*pair) for pair in zip([None] + SESSION, answers))
    colored = re.search(r"\033\[[0-9;]*m", said)
    if name in ("dumb", "c_locale") and re.search(r"[^\x00-\x7f]", said):
        sys.exit(f"{name}: not ASCII: {said!r}")
    if name == "dumb" and "\033" in "".join(answers):
        sys.exit(f"{name}: control codes: {said!r}")
    if bool(colored) != (name not in ("dumb", "no_color")):
        sys.exit(f"{name}: colours: {said!r}")
    width = look.get("COLUMNS", 80)
    code = r"^  (local|print)\b"  # of examples, which is not bent
    for text in re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", said).split("\n"):
        if len(text) > width and not re.search(code + r"|stdin:1|^\s*\[|^rnn\.fit|^nn\.", text):
            sys.exit(f"{name}: {len(text)} columns of {width}: {text!r}")


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/rnnlua")
    for name, look in LOOKS.items():
        answers = run(program, look)
        check(name, look, answers)
        parts = [f"> {line}\n{neat(line, text)}\n" if line else f"{neat(line, text)}\n"
                 for line, text in zip([None] + SESSION, answers)]
        got, path = "".join(parts).replace("\033", "^["), os.path.join(FOLDER, name + ".txt")
        if os.environ.get("RENEW_GOLDEN"):
            os.makedirs(FOLDER, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(got)
        with open(path, encoding="utf-8") as file:
            wanted = file.read()
        if got != wanted:
            lines = [f"- {a}\n+ {b}" for a, b in zip(wanted.split("\n"), got.split("\n")) if a != b]
            sys.exit(f"{name} differs from {path}:\n" + "\n".join(lines[:20] or ["their lengths differ"]))
    print(f"{len(LOOKS)} terminals look as they did")


main()
