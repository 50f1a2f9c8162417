"""`maos-cli attach` as people use it: on a terminal, in a pipe, and with everything that may go wrong on the way."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import BIN

LEAVE = b"\x10\x11"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, server, *arguments, columns=80, rows=24):
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TERM": "xterm",
            "MAOS_URL": server.url, "MAOS_TOKEN": server.token,
        }
        self.shown = b""
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            os.execve(BIN / "maos-cli", ["maos-cli", *arguments], environment)
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.descriptor, text.encode() if isinstance(text, str) else text)

    def _read(self, patience):
        if not select.select([self.descriptor], [], [], patience)[0]:
            return False
        try:
            piece = os.read(self.descriptor, 65536)
        except OSError:
            return False
        self.shown += piece
        return bool(piece)

    def wait(self, wanted, patience=30):
        """Waits until something is shown; gives everything that was."""
        wanted = wanted.encode() if isinstance(wanted, str) else wanted
        end = time.monotonic() + patience
        while not re.search(wanted, self.shown):
            if not self._read(max(0, end - time.monotonic())):
                raise AssertionError(f"{wanted} was not shown: {self.shown[-2000:]}")
        return self.shown.decode(errors="replace")

    def is_raw(self):
        return not termios.tcgetattr(self.descriptor)[3] & termios.ICANON

    def signal(self, number):
        os.kill(self.process, number)

    def end(self, patience=30):
        """Waits for the end; gives the exit code, or the negative number of a signal."""
        end = time.monotonic() + patience
        while True:
            self._read(0.02)
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                break
            assert time.monotonic() < end, f"it does not end: {self.shown[-2000:]}"
        self.process = None
        while self._read(0):
            pass
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.descriptor)


@pytest.fixture
def terminal(server):
    made = []

    def make(*arguments, on=None, **size):
        made.append(Terminal(on or server, *arguments, **size))
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()


@pytest.fixture(scope="module")
def machine(make_module_server):
    """A server whose agents' terminals are what the tests need."""
    return make_module_server(
        "--limits", "off",
        configuration={"runners": {
            "tester": {"interactive": ["/bin/cat"]},
            "reviewer": {"interactive": ["/bin/sh", "-c", "stty -echo; echo ready; read line; echo got $line; exit 7"]},
            "documenter": {"interactive": ["/bin/sh", "-c", "stty -echo; wc -lc; sleep 0.2; exit 0"]},
        }},
    )


def spawn(server, kind="coder", name=None, terminal=True):
    body = {"type": kind, "configuration": {"terminal": terminal}}
    if name:
        body["name"] = name
    with server.client() as client:
        reply = client.post("/api/v1/agents", json=body)
        assert reply.status_code == 201
        return reply.json()["data"]["agentId"]


def run(server, *arguments, **more):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "MAOS_URL": server.url, "MAOS_TOKEN": server.token}
    return subprocess.run(
        [BIN / "maos-cli", *arguments], env=environment, capture_output=True, timeout=60, **more)


def test_work_leave_and_come_back(machine, terminal):
    agent = spawn(machine, name="ada")
    first = terminal("attach", "ada", on=machine, columns=91, rows=29)
    first.type("stty size; echo sum=$((40 + 2))\n")
    shown = first.wait("sum=42")
    assert "29 91" in shown
    assert first.is_raw()
    first.resize(66, 22)
    first.signal(signal.SIGWINCH)
    first.type("sleep 0.3; stty size\n")
    first.wait("22 66")
    first.type(LEAVE)
    assert first.end() == 0
    assert not first.is_raw()
    assert "which goes on" in first.shown.decode()

    # The process went on, and who comes back sees what was there.
    second = terminal("attach", agent, on=machine)
    assert "sum=42" in second.wait("22 66")
    second.type("echo again=$((1 + 1))\n")
    second.wait("again=2")
    second.type(LEAVE[:1])
    second.type("x\x7f")
    second.type(LEAVE[:1])
    time.sleep(0.2)
    second.type(LEAVE[1:])
    assert second.end() == 0


def test_other_keys_leave(machine, terminal):
    agent = spawn(machine, "tester")
    one = terminal("attach", agent, "--detach-keys", "ctrl-a,d", on=machine)
    one.type("hello\n")
    one.wait("hello\r\nhello")
    one.type(b"\x01d")
    assert one.end() == 0


def test_the_exit_code_is_that_of_the_process(machine, terminal):
    agent = spawn(machine, "reviewer")
    one = terminal("attach", agent, on=machine)
    one.wait("ready")
    one.type("this\n")
    assert one.end() == 7
    assert "got this" in one.shown.decode()
    assert not one.is_raw()


def test_stays_through_restarts(machine, terminal):
    agent = spawn(machine, "reviewer")
    one = terminal("attach", agent, "--restarts", on=machine)
    one.wait("ready")
    one.type("one\n")
    one.wait("(?s)got one.*ended with code 7.*ready")
    one.type("two\n")
    one.wait("got two")
    one.type(LEAVE)
    assert one.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(machine, terminal, number):
    agent = spawn(machine, "tester")
    one = terminal("attach", agent, on=machine)
    one.type("\x1b[?1049h\x1b[?25l\n")
    one.wait(r"\x1b\[\?25l")
    assert one.is_raw()
    one.signal(number)
    assert one.end() == -number
    assert not one.is_raw()
    assert "\x1b[?25h" in one.shown.decode() and "\x1b[?1049l" in one.shown.decode()


def test_a_reader_that_goes_leaves_the_terminal_as_it_was(machine):
    agent = spawn(machine)
    primary, secondary = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "MAOS_URL": machine.url, "MAOS_TOKEN": machine.token}
    reading, writing = os.pipe()
    program = subprocess.Popen(
        [BIN / "maos-cli", "attach", agent], env=environment, stdin=secondary, stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    os.write(primary, b"echo here\n")
    assert os.read(reading, 10)
    assert not termios.tcgetattr(primary)[3] & termios.ICANON
    os.close(reading)
    os.write(primary, b"echo there\n")
    assert program.wait(20) == 1
    assert termios.tcgetattr(primary)[3] & termios.ICANON
    os.close(primary)
    os.close(secondary)


def test_a_server_that_goes_leaves_the_terminal_as_it_was(make_server, terminal):
    server = make_server("--limits", "off")
    agent = spawn(server)
    one = terminal("attach", agent, on=server)
    one.type("echo here$((1))\n")
    one.wait("here1")
    server.process.kill()
    server.process.wait()
    assert one.end() == 3
    assert not one.is_raw()
    assert "the terminal is gone" in one.shown.decode()
    server.stop = lambda: 0


def test_a_pipe_is_typed_and_ends_with_control_d(machine):
    agent = spawn(machine, "documenter")
    text = "".join(f"line {number}\n" for number in range(20_000)).encode()
    outcome = run(machine, "attach", agent, input=text)
    assert outcome.returncode == 0, outcome
    assert re.search(rb"20000\s+%d" % len(text), outcome.stdout), outcome.stdout[-500:]

    agent = spawn(machine, "tester")
    outcome = run(machine, "attach", agent, input=b"no end of line")
    assert outcome.returncode == 0, outcome
    assert b"no end of line" in outcome.stdout
    # Keys that leave are for keyboards.
    agent = spawn(machine, "reviewer")
    outcome = run(machine, "attach", agent, input=b"a\x10\x11b\n")
    assert outcome.returncode == 7, outcome


def test_looking_on_types_nothing(machine):
    agent = spawn(machine, "reviewer")
    environment = {"PATH": os.environ["PATH"], "MAOS_URL": machine.url, "MAOS_TOKEN": machine.token}
    looker = subprocess.Popen(
        [BIN / "maos-cli", "attach", agent, "--no-stdin"], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE)
    assert looker.stdout.readline() == b"ready\r\n"
    assert looker.poll() is None
    outcome = run(machine, "attach", agent, input=b"typed\n")
    assert outcome.returncode == 7
    assert looker.stdout.read() == b"got typed\r\n"
    assert looker.wait(20) == 7


def test_a_slow_reader_is_told_what_it_missed(machine):
    agent = spawn(machine)
    environment = {"PATH": os.environ["PATH"], "MAOS_URL": machine.url, "MAOS_TOKEN": machine.token}
    looker = subprocess.Popen(
        [BIN / "maos-cli", "attach", agent, "--no-stdin"], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Nothing is read of it meanwhile.
    outcome = run(machine, "attach", agent, input=b"stty -echo; seq 1 3000000; echo do''ne\n")
    assert b"done" in outcome.stdout
    shown, errors = looker.communicate(timeout=60)
    assert b"done" in shown
    missed = sum(int(number) for number in re.findall(rb"note: (\d+) bytes were missed", errors))
    assert missed > 0, errors
    assert len(shown) + missed > 20_000_000


@pytest.mark.parametrize(
    "arguments, code, text",
    [
        (["attach"], 2, "AGENT is missing"),
        (["attach", "x", "--detach-keys", "ctrl-1"], 2, "expected keys such as ctrl-p,ctrl-q"),
        (["attach", "x", "--json"], 2, "no JSON"),
        (["attach", "nobody"], 1, "No agent has the id nobody"),
        (["attach", "plain"], 1, "no terminal"),
        (["attach", "twin"], 1, "2 agents have the name twin"),
        (["attach", "x", "--token", "wrong"], 1, "401"),
        (["attach", "x", "--url", "http://127.0.0.1:1"], 3, "cannot reach"),
    ],
)
def test_mistakes_are_explained(machine, arguments, code, text):
    with machine.client() as client:
        names = [agent["name"] for agent in client.get("/api/v1/agents").json()["data"]["agents"]]
    if "plain" not in names:
        spawn(machine, name="plain", terminal=False)
        spawn(machine, name="twin")
        spawn(machine, name="twin")
    outcome = run(machine, *arguments, input=b"")
    assert outcome.returncode == code, outcome
    assert text in outcome.stderr.decode()


# MARK: top


def test_top_is_drawn_again_until_it_is_left(machine, terminal):
    spawn(machine, "tester", name="小さい")
    with machine.client() as client:
        client.post("/api/v1/tasks", json={
            "type": "code", "description": "a long 世界 " * 20, "requirements": [], "priority": "high",
            "context": {"command": ["/bin/sleep", "100"]},
        })
    one = terminal("top", "--interval", "100ms", on=machine, columns=70, rows=60)
    one.wait(r"\x1b\[\?1049h")
    one.wait("AGENT(?s:.)*小さい(?s:.)*running(?s:.)*sort: status")
    one.type("s")
    one.wait("sort: cpu")
    one.type("p")
    one.wait("paused")
    one.type("p")
    one.resize(30, 10)
    one.signal(signal.SIGWINCH)
    one.wait(r"\x1b\[2J")
    one.type("q")
    assert one.end() == 0
    assert one.shown.endswith(b"\x1b[?25h\x1b[?1049l")
    assert not one.is_raw()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_top_leaves_the_terminal_as_it_was(machine, terminal, number):
    one = terminal("top", on=machine)
    one.wait(r"\x1b\[\?1049h")
    one.wait("sort: status")
    if number == signal.SIGINT:
        one.type("\x03")
    else:
        one.signal(number)
    assert one.end() == -number
    assert b"\x1b[?1049l" in one.shown
    assert not one.is_raw()


def test_top_once_is_a_plain_table(machine):
    spawn(machine, "tester", name="plainly")
    for arguments in (["top"], ["top", "--once", "--sort", "name"]):
        outcome = run(machine, *arguments)
        assert outcome.returncode == 0, outcome
        text = outcome.stdout.decode()
        assert "\x1b" not in text
        assert machine.url in text.splitlines()[0]
        assert "plainly" in text
        assert "AGENT" in text and "CPU%" in text
    outcome = run(machine, "top", "--json")

    data = json.loads(outcome.stdout)
    assert set(data) == {"health", "metrics", "agents", "tasks"}
    assert any(agent["name"] == "plainly" and "health" in agent for agent in data["agents"])


def test_top_shows_what_the_token_may_see(machine):
    token = machine.sign("agents:list")
    outcome = run(machine, "top", "--once", "--token", token)
    assert outcome.returncode == 0, outcome
    assert b"AGENT" in outcome.stdout
    outcome = run(machine, "top", "--once", "--token", machine.sign("chat:read"))
    assert outcome.returncode == 1
    assert b"may see nothing" in outcome.stderr
    assert run(machine, "top", "--url", "http://127.0.0.1:1").returncode == 3
    assert run(machine, "top", "--interval", "1ms").returncode == 2
