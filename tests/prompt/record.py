#!/usr/bin/env python3
"""Records a session at the prompt in a real terminal: docs/prompt.cast, in asciinema's format, version 2.

    tests/prompt/record.py [PROGRAM [FOLDER]]        default: build/rnnlua docs

What is typed and what must appear stands in SESSION; a session in which it does not appear in time fails, so this is a
test as well (tests/CMakeLists.txt runs it, with a folder that is thrown away)."""
import fcntl, json, os, pty, re, select, struct, sys, tempfile, termios, time

COLUMNS, ROWS, PATIENCE = 100, 30, 60
LOOP = """\
x, y = rnn.randn(32, 20, 1), rnn.randn(32, 1)
model = nn.Sequential { nn.LSTM(1, 16, { returns = "last" }), nn.Linear(16, 1) }
opt = optim.Adam(model:parameters(), { lr = 0.01 })
steps = 0
while opt.lr > 0.001 do
  local loss = nn.mse(model(x), y)
  opt:zero_grad(); loss:backward(); opt:step()
  steps = steps + 1
end
print("left with lr " .. opt.lr)"""

# (keys, what must appear after them, or a pause in seconds)
SESSION = [
    ("?nn.Linear\r", r"A dense layer: .*methods +forward"),
    ("nn.LSTM(3, 4, { lay\t\t\t", r"layer_norm = .*layers = "),
    ("s\t2 })\r", r"nn\.LSTM\(3 -> 4, layers = 2\)"),
    ("rnn.arange(48):to_float():sin()\r", r"[▁▂▃▄▅▆▇█]{40}"),
    ("%timeit rnn.randn(64, 64):matmul(rnn.randn(64, 64))\r", r"a run, the best"),
    ("\033[200~" + LOOP + "\033[201~", 0.5),
    ("\r", 1.0),
    ("\003", r"stopped at .*inside the loop; here are loss.*loop> "),
    ("loss:item(), steps > 0\r", r"\d\ttrue.*loop> "),
    ("model[1].weight_hh_l0.grad\r", r"64×16 .*loop> "),
    ("opt.lr = opt.lr / 100\r", r"loop> "),
    ("continue\r", r"left with lr 0\.0001"),
    ("%who\r", r"model +nn\.Sequential"),
    ("\004", r""),
]


class Terminal:
    def __init__(self, program):
        self.home = tempfile.TemporaryDirectory()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=self.home.name, TERM="xterm-256color", LC_ALL="C.UTF-8", INPUTRC="/dev/null")
            for name in ("XDG_STATE_HOME", "LUA_INIT", "LUA_INIT_5_4"):
                os.environ.pop(name, None)
            os.execv(program, [program, "--threads", "1", "--seed", "1"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.begun, self.events, self.seen, self.pending = time.time(), [], "", b""

    def read(self, seconds):
        """False when nothing came, or at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = self.pending + os.read(self.fd, 65536)
        except OSError:
            return False
        if not data:
            return False
        text = data.decode("utf-8", "ignore")
        self.pending = data[len(text.encode()):]  # the beginning of a character
        self.events.append((time.time() - self.begun, text))
        self.seen += plain(text)
        return True

    def wait_for(self, pattern):
        end = time.time() + PATIENCE
        while not re.search(pattern, self.seen, re.S):
            if time.time() > end or not self.read(end - time.time()):
                if not re.search(pattern, self.seen, re.S):
                    sys.exit(f"waited for {pattern!r} in:\n{self.seen}")
        self.seen = ""

    def pause(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            self.read(max(0, end - time.time()))

    def type(self, keys):
        slowly = "\n" not in keys
        for key in re.findall(r"\033\[200~.*|.", keys, re.S):
            os.write(self.fd, key.encode())
            if slowly:
                self.pause(0.03)


def plain(text):
    return re.sub(r"\033\[[0-9;?]*[a-zA-Z]|\r|\a", "", text)


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/rnnlua")
    folder = sys.argv[2] if len(sys.argv) > 2 else "docs"
    terminal = Terminal(program)
    terminal.wait_for(r"\? for help.*> ")
    for keys, what in SESSION:
        terminal.type(keys)
        terminal.pause(what) if isinstance(what, float) else terminal.wait_for(what)
        terminal.pause(0.3)
    while terminal.read(5):
        pass
    _, status = os.waitpid(terminal.pid, 0)
    if status != 0:
        sys.exit(f"the program ended with status {status}")
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "rnnlua: the prompt",
              "env": {"TERM": "xterm-256color"}}
    with open(f"{folder}/prompt.cast", "w", encoding="utf-8") as file:
        print(json.dumps(header), file=file)
        for at, text in terminal.events:
            print(json.dumps([round(at, 3), "o", text], ensure_ascii=False), file=file)


main()
