#!/usr/bin/env python3
"""The kernel of Jupyter, as Jupyter's own clients see it: the tests of jupyter_kernel_test with all their parts, and what
they do not ask: display of figures, tensors, frames and curves, lines from a person, interrupts, the prompt in a loop,
signatures, much output, being killed, and the notebook of the tutorial.

    tests/jupyter/kernel.py [PROGRAM [all] [TEST ...]]       default: build/rnnlua-kernel; with all, which takes some
                                                             minutes, 1,000 interrupts and 100 MB of output"""
import base64
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
from packages import need

need("jupyter_kernel_test==0.7.0", "jupyter_client==8.10.0", "nbclient==0.11.0")
import jupyter_kernel_test
import nbclient
import nbformat
from jupyter_client.manager import KernelManager, start_new_kernel
from jupyter_client.session import Session

PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/rnnlua-kernel")
NAMES = sys.argv[2:]
ALL = NAMES[:1] == ["all"]
NAME, PATIENCE = "rnnlua", 60


class Protocol(jupyter_kernel_test.KernelTests):
    kernel_name, language_name, file_extension = NAME, "lua", ".lua"
    code_hello_world = "print 'hello, world'"
    code_stderr = "io.stderr:write 'oops'"
    completion_samples = [
        {"text": "rnn.nn.Line", "matches": ["Linear"]},
        {"text": "nn.LSTM(3, 4, { layer_n", "matches": ["layer_norm = "]},
        {"text": "x = 1\nstring.rep", "matches": ["rep"]},
        {"text": "%timei", "matches": ["timeit"]},
        {"text": "require 'rnn.repl.sp", "matches": ["rnn.repl.spark"]},
        {"text": "'é' .. rnn.nn.Line", "matches": ["Linear"]},
    ]
    complete_code_samples = ["1 + 1", "x = 1\nx", "for i = 1, 2 do end", "?rnn.fit", "%who", ";ls", "print 'x'", ""]
    incomplete_code_samples = ["for i = 1, 2 do", "x = {", "f(", "x = [[a", "x ="]
    invalid_code_samples = ["x = = 1", "end", "1 1"]
    code_page_something = "?nn.LSTM"
    code_generate_error = "error 'no'"
    code_execute_result = [
        {"code": "1 + 1", "result": "2"}, {"code": "x = 3\nx * 2", "result": "6"}, {"code": "'a', 2", "result": "a\t2"},
        {"code": "rnn.ones(2, 2)", "mime": "text/html"}, {"code": "1 + 1 + 0", "result": "2"},
    ]
    code_display_data = [
        {"code": "rnn.plot.lines { { y = { 1, 3, 2 } } }", "mime": mime}
        for mime in ("image/svg+xml", "image/png", "text/plain")
    ] + [{"code": "display(rnn.ones(2, 2))", "mime": "text/html"}]
    code_history_pattern = "1?+?1"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "rnn.fit"
    code_clear_output = "clear_output()"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name, support_iopub_welcome = NAME, True


class More(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name=NAME)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel()

    def setUp(self):
        for channel in (self.kc.shell_channel, self.kc.iopub_channel, self.kc.stdin_channel):
            try:
                while True:
                    channel.get_msg(timeout=0)
            except queue.Empty:
                pass

    def run_code(self, code, lines=(), **options):
        """Reply and outputs; lines: what is typed when the kernel asks."""
        lines, outputs, asked = list(lines), [], []
        message = self.kc.execute(code, allow_stdin=bool(lines), **options)
        end = time.time() + PATIENCE
        idle = False
        while not idle:
            self.assertLess(time.time(), end, "the kernel does not become idle")
            try:
                question = self.kc.get_stdin_msg(timeout=0.001 if lines else 0)
                asked.append(question["content"]["prompt"])
                self.kc.input(lines.pop(0) if lines else "")
            except queue.Empty:
                pass
            try:
                got = self.kc.get_iopub_msg(timeout=0.05 if lines else 1)
            except queue.Empty:
                continue
            if got["parent_header"].get("msg_id") == message:
                idle = got["msg_type"] == "status" and got["content"]["execution_state"] == "idle"
                outputs.append(got)
        reply = self.kc.get_shell_msg(timeout=PATIENCE)
        while reply["parent_header"]["msg_id"] != message:
            reply = self.kc.get_shell_msg(timeout=PATIENCE)
        self.asked = asked
        return reply["content"], outputs

    def text(self, outputs, name="stdout"):
        return "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream" and m["content"]["name"] == name)

    def of(self, outputs, kind):
        return [m["content"] for m in outputs if m["msg_type"] == kind]

    def wait_busy(self, what="started"):
        """Until the cell has printed what."""
        end = time.time() + PATIENCE
        while time.time() < end:
            got = self.kc.get_iopub_msg(timeout=PATIENCE)
            if got["msg_type"] == "stream" and what in got["content"]["text"]:
                return
        self.fail("nothing was printed")

    def interrupt(self):
        """Until the kernel says that it has its signal: what is executed later is not meant."""
        asked = self.kc.session.msg("interrupt_request")
        self.kc.control_channel.send(asked)
        while self.kc.get_control_msg(timeout=PATIENCE)["parent_header"]["msg_id"] != asked["header"]["msg_id"]:
            pass

    def test_order_of_messages(self):
        _, outputs = self.run_code("print 'a' display(1) print 'b' io.stderr:write 'c\\n' return 2")
        self.assertEqual([m["msg_type"] for m in outputs], ["status", "execute_input", "stream", "display_data", "stream",
                                                            "stream", "execute_result", "status"])

    def test_errors_begin_with_the_line_of_the_user(self):
        reply, outputs = self.run_code("local t = nil\nlocal y = t.x")
        self.assertEqual((reply["status"], reply["ename"]), ("error", "Error"))
        self.assertRegex(reply["evalue"], r"^In\[\d+\]:2: attempt to index a nil value \(local 't'\)$")
        lines = [re.sub(r"\033\[[0-9;]*m", "", line) for line in reply["traceback"]]
        self.assertEqual(lines[:2], [reply["evalue"], "----> 2 local y = t.x"])
        self.assertFalse(any("repl/" in line or "jupyter/" in line for line in lines))
        self.assertEqual(self.of(outputs, "error")[0]["traceback"], reply["traceback"])
        reply, _ = self.run_code("x = = 1")
        self.assertEqual(reply["ename"], "SyntaxError")
        reply, _ = self.run_code("rnn.nn.Linear('x')")
        self.assertRegex(reply["evalue"], r"^In\[\d+\]:1: nn.Linear: ")
        reply, _ = self.run_code("error { code = 1 }")
        self.assertEqual(reply["evalue"], "(error object is a table value)")

    def test_requests_behind_an_error_are_not_executed(self):
        first = self.kc.execute("for i = 1, 1e7 do end error 'no'")
        second = self.kc.execute("ran = true")
        statuses = {}
        while len(statuses) < 2:
            reply = self.kc.get_shell_msg(timeout=PATIENCE)
            statuses[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
        self.assertEqual((statuses[first], statuses[second]), ("error", "aborted"))
        _, outputs = self.run_code("tostring(ran)")
        self.assertEqual(self.of(outputs, "execute_result")[0]["data"]["text/plain"], "nil")

    def test_tensors_are_tables(self):
        _, outputs = self.run_code("rnn.arange(6):reshape(2, 3)")
        html = self.of(outputs, "execute_result")[0]["data"]["text/html"]
        self.assertEqual(re.findall(r"<td[^>]*>([^<]*)</td>", html), list("123456"))
        self.assertIn("2×3 int32", html)
        for code, cells, what in (("rnn.zeros(1000, 1000)", 21 * 17 - 16, "1000×1000"), ("rnn.zeros(100)", 17, "100"),
                                  ("rnn.zeros(5, 2, 2)", 12, "… 2 more"), ("rnn.tensor({ 0 / 0, 1 / 0 })", 2, "nan"),
                                  ("rnn.ones(2, 2):with_lengths(rnn.arange(2))", 4, "·")):
            _, outputs = self.run_code(code)
            html = self.of(outputs, "execute_result")[0]["data"]["text/html"]
            self.assertEqual((len(re.findall("<td", html)), what in html), (cells, True), code + html)
        _, outputs = self.run_code("rnn.zeros(0, 3)")
        self.assertEqual(list(self.of(outputs, "execute_result")[0]["data"]), ["text/plain"])

    def test_frames_are_tables(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/a.csv", "w", encoding="utf-8") as file:
                file.write("day,n,w\n" + "".join(f"2024-01-{i:02},{i},<b>&\n" for i in range(1, 21)))
            _, outputs = self.run_code(f"rnn.data.csv '{folder}/a.csv'")
        data = self.of(outputs, "execute_result")[0]["data"]
        self.assertIn("20 rows × 3 columns", data["text/html"])
        self.assertIn("&lt;b&gt;&amp;", data["text/html"])
        self.assertEqual(len(re.findall("<tr>", data["text/html"])), 12)
        self.assertIn("20 rows × 3 columns", data["text/plain"])

    def test_figures_are_pictures_and_shown_once(self):
        _, outputs = self.run_code("rnn.plot.lines({ { y = { 1, 2 } } })")
        shown = self.of(outputs, "display_data")
        self.assertEqual((len(shown), self.of(outputs, "execute_result")), (1, []))
        self.assertTrue(base64.b64decode(shown[0]["data"]["image/png"]).startswith(b"\x89PNG"))
        self.assertTrue(shown[0]["data"]["image/svg+xml"].startswith("<svg"))
        self.assertEqual(shown[0]["metadata"]["image/png"]["width"], 800)
        _, outputs = self.run_code("fig = rnn.plot.lines({ { y = { 1, 2 } } })")
        _, outputs = self.run_code("fig")
        self.assertIn("image/svg+xml", self.of(outputs, "execute_result")[0]["data"])
        _, outputs = self.run_code("setmetatable({}, { __mime = function() return { ['text/html'] = '<i>x</i>' } end })")
        self.assertEqual(self.of(outputs, "execute_result")[0]["data"]["text/html"], "<i>x</i>")

    def test_display_by_id(self):
        _, outputs = self.run_code("for i = 1, 3 do display(i, 'n') end")
        first, rest = self.of(outputs, "display_data"), self.of(outputs, "update_display_data")
        self.assertEqual((len(first), [m["data"]["text/plain"] for m in rest]), (1, ["2", "3"]))
        self.assertEqual({m["transient"]["display_id"] for m in first + rest}, {"rnnlua n"})

    def test_training_draws_curves(self):
        reply, outputs = self.run_code("""
            d = data.arrays(rnn.ones(8, 1), rnn.ones(8, 1))
            m = nn.Linear(1, 1)
            h = rnn.fit(m, { data = d:batches { size = 4 }, loss = 'mse', optimizer = optim.SGD(m:parameters()), epochs = 3 })""")
        self.assertEqual(reply["status"], "ok", reply)
        first, rest = self.of(outputs, "display_data"), self.of(outputs, "update_display_data")
        self.assertEqual(len(first), 1)
        self.assertIn("epoch 3 of 3", rest[-1]["data"]["text/plain"])
        self.assertIn("image/png", rest[-1]["data"])
        self.assertIn("3 epochs in", self.text(outputs, "stderr"))
        self.assertNotIn("epoch 1/3", self.text(outputs, "stderr"))

    def test_lines_from_a_person(self):
        _, outputs = self.run_code("io.write 'name? ' name = io.read() n = io.read 'n' l = io.read 'L' print(name, n, l)",
                                   lines=["Zoë", "42 x"])
        self.assertEqual(self.text(outputs), "name? Zoë\t42\t x\n\n")
        reply, outputs = self.run_code("print(io.read())")
        self.assertEqual(self.text(outputs), "nil\tOperation not supported\t95\n")
        _, outputs = self.run_code("os.execute 'cat'", lines=["x"]) # a program gets none
        self.assertEqual(self.asked, [])

    def test_programs_and_commands(self):
        _, outputs = self.run_code(";echo out; echo err >&2")
        self.assertEqual((self.text(outputs), self.text(outputs, "stderr")), ("out\n", "err\n"))
        _, outputs = self.run_code("%time\nx = 0\nfor i = 1, 1e5 do x = x + i end")
        self.assertRegex(self.text(outputs), r"^[\d.]+ \S+ +Lua heap")
        reply, _ = self.run_code("??rnn.repl")
        self.assertEqual(reply["status"], "ok")
        _, outputs = self.run_code("function twice(x)\n  return 2 * x\nend")
        reply, _ = self.run_code("??twice")
        self.assertIn("return 2 * x", reply["payload"][0]["data"]["text/plain"])

    def test_text_that_is_none(self):
        _, outputs = self.run_code("io.write('a\\xff\\0b', ('é'):rep(1000000))")
        text = self.text(outputs)
        self.assertEqual((text[:4], text[4:]), ("a?\0b", "é" * 1000000))
        reply, _ = self.run_code("error 'a\\xff'")
        self.assertIn("a?", reply["evalue"])
        _, outputs = self.run_code("'\\xff'")
        self.assertEqual(self.of(outputs, "execute_result")[0]["data"]["text/plain"], "?")

    def test_expressions_and_silence(self):
        reply, outputs = self.run_code("v = 7", user_expressions={"a": "v + 1", "b": "v.x.y"})
        self.assertEqual(reply["user_expressions"]["a"]["data"]["text/plain"], "8")
        self.assertEqual(reply["user_expressions"]["b"]["status"], "error")
        before = reply["execution_count"]
        reply, outputs = self.run_code("1", silent=True)
        self.assertEqual([m["msg_type"] for m in outputs], ["status", "status"])
        reply, _ = self.run_code("nil")
        self.assertEqual(reply["execution_count"], before + 1)

    def test_inspect(self):
        for code, position, what in (("y = nn.LSTM(3, 4)", 9, "nn.LSTM"), ("nn.LSTM(3, ", 11, "nn.LSTM"),
                                     ("é = rnn.fit", 11, "rnn.fit")):
            self.kc.inspect(code, position)
            reply = self.kc.get_shell_msg(timeout=PATIENCE)["content"]
            self.assertTrue(reply["found"], code)
            self.assertIn(what, reply["data"]["text/plain"])
        self.kc.inspect("there_is_no_such", 5)
        self.assertFalse(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["found"])

    def test_completion_has_its_place(self):
        self.kc.complete("'é'; rnn.nn.Line + 1", 16)
        reply = self.kc.get_shell_msg(timeout=PATIENCE)["content"]
        self.assertEqual((reply["matches"], reply["cursor_start"], reply["cursor_end"]), (["Linear"], 12, 16))

    def test_interrupts(self):
        loops = ("print 'started' while true do end", "print 'started' while true do pcall(error) end",
                 "print 'started' coroutine.wrap(function() while true do end end)()",
                 "x = rnn.randn(300, 300) print 'started' while true do x:matmul(x) end")
        for i in range(1000 if ALL else 12):
            message = self.kc.execute(loops[i % len(loops)])
            self.wait_busy()
            reply = None
            while reply is None or reply["parent_header"]["msg_id"] != message:
                if i % 2 == 0:
                    self.interrupt()
                else:
                    os.killpg(os.getpgid(self.km.provisioner.pid), signal.SIGINT)
                try:
                    reply = self.kc.get_shell_msg(timeout=0.5 if "pcall" in loops[i % len(loops)] else PATIENCE)
                except queue.Empty:
                    self.assertIn("pcall", loops[i % len(loops)]) # which may catch the first one, and no more
            self.assertEqual(reply["content"]["ename"], "Interrupted", i)
        self.interrupt() # of nothing
        _, outputs = self.run_code("1 + 1")
        self.assertEqual(self.of(outputs, "execute_result")[0]["data"]["text/plain"], "2")

    def test_prompt_in_a_loop(self):
        code = """
            m, o = nn.Linear(1, 1), nil
            o = optim.SGD(m:parameters(), { lr = 0.1 })
            steps, on = 0, true
            while on do
              m(rnn.ones(1, 1)):sum():backward()
              steps = steps + 1
              if steps == 10 then print 'started' end
            end
            print('left')"""
        message = self.kc.execute(code, allow_stdin=True)
        self.wait_busy()
        self.interrupt()
        typed = ["steps > 0", "nosuch.x", "on = false", "continue"]
        for line in typed:
            question = self.kc.get_stdin_msg(timeout=PATIENCE)
            self.assertEqual(question["content"]["prompt"], "loop> ")
            self.kc.input(line)
        reply = self.kc.get_shell_msg(timeout=PATIENCE)["content"]
        self.assertEqual(reply["status"], "ok")
        outputs = self.all_of(message)
        self.assertIn("inside the loop", self.text(outputs))
        self.assertIn("left\n", self.text(outputs))
        self.assertIn("nosuch", self.text(outputs, "stderr"))
        self.assertEqual(self.of(outputs, "display_data")[0]["data"]["text/plain"], "true")
        self.kc.execute(code, allow_stdin=False) # nobody to ask
        self.wait_busy()
        self.interrupt()
        self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["ename"], "Interrupted")
        self.kc.execute(code, allow_stdin=True) # an interrupt while it asks ends the loop
        self.wait_busy()
        self.interrupt()
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.interrupt()
        self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["ename"], "Interrupted")

    def all_of(self, message):
        outputs = []
        while not (outputs and outputs[-1]["msg_type"] == "status" and outputs[-1]["content"]["execution_state"] == "idle"):
            got = self.kc.get_iopub_msg(timeout=PATIENCE)
            if got["parent_header"].get("msg_id") == message:
                outputs.append(got)
        return outputs

    def test_much_output(self):
        begun = time.time()
        lines = 1000000 if ALL else 100000
        reply, outputs = self.run_code(f"line = ('x'):rep(99) .. '\\n' for i = 1, {lines} do io.write(line) end")
        self.assertEqual((reply["status"], len(self.text(outputs))), ("ok", 100 * lines))
        self.assertLess(time.time() - begun, 30)
        message = self.kc.execute("print 'started' while true do print(('x'):rep(1000)) end")
        self.wait_busy()
        self.assertTrue(self.kc.is_alive())
        self.interrupt()
        self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["ename"], "Interrupted")
        self.all_of(message)

    def test_client_that_does_not_listen(self):
        times = 3000 if ALL else 500 # of four messages: more than what ZeroMQ keeps by default
        for i in range(times):
            self.kc.execute(f"print({i})")
        for i in range(times):
            self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["status"], "ok")
        _, outputs = self.run_code("1")
        self.assertEqual(len(self.of(outputs, "execute_result")), 1)

    def test_heartbeat_while_it_computes(self):
        self.kc.hb_channel.unpause()
        self.kc.execute("print 'started' rnn.blas 'own' x = rnn.randn(3000, 3000) for i = 1, 100 do x = x:matmul(x) end")
        self.wait_busy()
        for _ in range(20):
            time.sleep(0.05)
            self.assertTrue(self.kc.is_alive() and self.kc.hb_channel.is_beating())
        self.interrupt()
        self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["ename"], "Interrupted")

    def test_wrong_signatures_are_not_heard(self):
        stranger = self.km.client()
        stranger.session = Session(key=b"wrong")
        stranger.start_channels()
        stranger.execute("stranger = true")
        with self.assertRaises(queue.Empty):
            stranger.get_shell_msg(timeout=0.5)
        stranger.stop_channels()
        _, outputs = self.run_code("tostring(stranger)")
        self.assertEqual(self.of(outputs, "execute_result")[0]["data"]["text/plain"], "nil")


class Life(unittest.TestCase):
    def start(self):
        return start_new_kernel(kernel_name=NAME)

    def test_killed_and_restarted(self):
        km, kc = self.start()
        kc.execute_interactive("x = 1", timeout=PATIENCE, output_hook=lambda m: None)
        for _ in range(10 if ALL else 1):
            os.kill(km.provisioner.pid, signal.SIGKILL)
            while km.is_alive():
                time.sleep(0.01)
            km.restart_kernel(now=True)
            kc.wait_for_ready(timeout=PATIENCE)
            reply = kc.execute_interactive("assert(x == nil) x = 1", timeout=PATIENCE, output_hook=lambda m: None)
            self.assertEqual((reply["content"]["status"], reply["content"]["execution_count"]), ("ok", 1))
        km.restart_kernel()
        kc.wait_for_ready(timeout=PATIENCE)
        kc.stop_channels()
        km.shutdown_kernel()

    def test_shutdown(self):
        codes = ("x = 1", "while true do pcall(function() while true do end end) end", "while true do pcall(error) end",
                 "rnn.randn(500, 500) while true do end")
        for code in codes[:4 if ALL else 2]:
            km, kc = self.start()
            kc.execute(code)
            time.sleep(0.1)
            process = km.provisioner.process
            kc.shutdown()
            self.assertEqual(process.wait(timeout=5), 0, code)
            kc.stop_channels()
            km.cleanup_resources()

    def test_files_are_closed_at_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            km, kc = self.start()
            kc.execute_interactive(f"f = io.open('{folder}/a', 'w') f:write 'kept'", timeout=PATIENCE)
            kc.stop_channels()
            km.shutdown_kernel()
            with open(f"{folder}/a", encoding="utf-8") as file:
                self.assertEqual(file.read(), "kept")

    def test_double_precision_and_threads(self):
        with tempfile.TemporaryDirectory():
            km = KernelManager(kernel_name=NAME)
            km.start_kernel(env={**os.environ, "RNNLUA_DOUBLE": "1", "RNNLUA_THREADS": "1"})
            kc = km.client()
            kc.start_channels()
            kc.wait_for_ready(timeout=PATIENCE)
            reply = kc.execute_interactive("x = 1", user_expressions={"p": "rnn.precision()", "t": "rnn.threads()"},
                                           timeout=PATIENCE)["content"]["user_expressions"]
            self.assertEqual((reply["p"]["data"]["text/plain"], reply["t"]["data"]["text/plain"]), ("double", "1"))
            kc.stop_channels()
            km.shutdown_kernel()


class Notebook(unittest.TestCase):
    def test_tutorial(self):
        with tempfile.TemporaryDirectory() as folder:
            notebook = nbformat.read(os.path.join(ROOT, "docs", "tutorial.ipynb"), as_version=4)
            nbclient.NotebookClient(notebook, timeout=300, kernel_name=NAME, resources={"metadata": {"path": folder}}).execute()
            outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
            kinds = {kind for o in outputs for kind in o.get("data", {})}
            self.assertLessEqual({"text/html", "image/svg+xml", "image/png"}, kinds)


class Quiet(unittest.TextTestResult):
    """A part that is skipped is a failure: jupyter_kernel_test skips what it is given no code for."""

    def addSkip(self, test, reason):
        self.addFailure(test, (AssertionError, AssertionError("skipped: " + reason), None))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(JUPYTER_PATH=f"{folder}/share/jupyter", JUPYTER_DATA_DIR=f"{folder}/own",
                          JUPYTER_RUNTIME_DIR=f"{folder}/runtime", JUPYTER_CONFIG_DIR=f"{folder}/config",
                          JUPYTER_PLATFORM_DIRS="1", IPYTHONDIR=f"{folder}/ipython")
        done = subprocess.run([PROGRAM, "install", "--prefix", folder], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        with open(f"{folder}/share/jupyter/kernels/{NAME}/kernel.json", encoding="utf-8") as file:
            assert json.load(file)["argv"] == [PROGRAM, "{connection_file}"]
        loader = unittest.TestLoader()
        names = NAMES[ALL:]
        suite = unittest.TestSuite()
        for case in (Protocol, Welcome, More, Life, Notebook):
            for test in loader.loadTestsFromTestCase(case):
                if not names or any(name in test.id() for name in names):
                    suite.addTest(test)
        result = unittest.TextTestRunner(resultclass=Quiet, verbosity=2 if names else 1).run(suite)
        sys.exit(not result.wasSuccessful())


main()
