"""The team dashboard (document 004): authentication, agents with real processes, commands, output, subscriptions, limits."""

import asyncio
import json
import os
import pathlib
import re
import signal
import time
import uuid

import pytest
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import connect

from conftest import Server, wait_until
from dashboard import Dashboard, admin, check_refusal, operator, viewer

LISTEN = ("--listen", "127.0.0.1:0=dashboard", "--listen", "127.0.0.1:0=gateway")


@pytest.fixture(scope="module")
def board():
    server = Server(*LISTEN, "--limits", "off")
    yield server
    assert server.is_well() and server.stop() == 0


@pytest.fixture
def client(board):
    with Dashboard(board) as client:
        yield client


def closing(client, seconds=20):
    """The close code and reason, once the server has closed."""
    with pytest.raises(ConnectionClosed) as raised:
        while True:
            client.socket.recv(timeout=seconds)
    return raised.value.rcvd.code, raised.value.rcvd.reason


def state(pid):
    """The kernel's letter for a process; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rsplit(")", 1)[1].split()[0]


# Connecting and saying who one is


def test_both_shapes_of_auth(board):
    """DASH-CONN-03, DASH-CONN-04, DASH-CONN-07, C-05, C-08: at the top level or in the payload, without an id"""
    for message in (
        {"type": "auth", "token": operator(board), "clientId": "c1"},
        {"type": "auth", "payload": {"token": operator(board), "clientId": "c2"}},
        {"type": "auth", "token": "no", "clientId": "x", "payload": {"token": operator(board), "clientId": "c3"}},
        {"type": "auth", "payload": {"token": operator(board)}},
    ):
        with Dashboard(board, auth=False) as client:
            client.socket.send(json.dumps(message))
            ack = client.receive()
            payload = ack["payload"]
            assert ack["type"] == "ack" and payload["success"] is True and payload["resumed"] is False
            assert payload["userId"] == "olga" and payload["sessionId"]
            assert 0 < payload["expiresAt"] - time.time() * 1000 <= 3_600_000
            assert ack["metadata"]["correlationId"] == payload["messageId"]
            status = client.receive()
            assert status["type"] == "connection:status"
            assert status["payload"]["status"] == "authenticated" and status["payload"]["queued"] == 0
            assert status["payload"]["sessionId"] == payload["sessionId"]


def test_refused_auth(board):
    """DASH-ERR-01, DASH-ERR-02, DASH-SEC-01, DASH-CLI-06: an acknowledgement that says why, then close 1008 at once"""
    now = int(time.time())
    for token, number in (
        ("nonsense", 1001),
        (operator(board, exp=now - 5, iat=now - 10), 1002),
        (operator(board, exp=now + 3700, iat=now), 1002),
        (board.token, 1002),
        (None, 1001),
    ):
        with Dashboard(board, auth=False) as client:
            client.send("auth", {"token": token, "clientId": "c"} if token else {"clientId": "c"})
            check_refusal(client.receive(), number)
            assert closing(client)[0] == 1008
    for _ in range(100):
        with Dashboard(board, auth=False) as client:
            client.send("auth", {"token": "again", "clientId": "c"})
            assert closing(client)[0] == 1008
    assert board.is_well()


def test_an_hour_is_enough(board):
    """DASH-SEC-01: a token of exactly an hour is good"""
    now = int(time.time())
    with Dashboard(board, token=operator(board, iat=now, exp=now + 3600)):
        pass


def test_deadline(board):
    """DASH-CONN-05: nobody who says nothing stays for more than 5 s; who has said it stays"""
    with Dashboard(board) as known, Dashboard(board, auth=False) as silent:
        began = time.monotonic()
        check_refusal(silent.receive(), 1001)
        assert closing(silent)[0] == 1008
        assert 4.5 < time.monotonic() - began < 7
        assert known.ask("unsubscribe", {"subscriptionId": "x"})


def test_others_before_auth(board):
    """DASH-CONN-06: refused, and the connection stays open until the deadline"""
    with Dashboard(board, auth=False) as client:
        client.refused(1001, "agent:pause", {"agentId": "x"})
        client.refused(1001, "subscribe:agent", {})
        client.send("ping", {"timestamp": 1})
        check_refusal(client.receive(), 1001)
        assert client.ask("auth", {"token": operator(board), "clientId": "c"})["payload"]["success"]


def test_auth_again(board):
    """A client may bring another token of its own, and nobody else's"""
    with Dashboard(board) as client:
        ack = client.succeed("auth", {"token": operator(board), "clientId": "c"})
        assert ack["sessionId"] == client.session
        client.refused(1001, "auth", {"token": admin(board), "clientId": "c"})
        assert closing(client)[0] == 1008


def test_on_the_listener_for_all(make_server):
    """/dashboard/ws beside everything else, and X-06: one token for all surfaces"""
    server = make_server("--listen", "127.0.0.1:0=all", "--listen", "127.0.0.1:0=gateway")
    token = operator(server)
    with connect(f"ws://127.0.0.1:{server.ports['all']}/dashboard/ws") as client:
        client.send(json.dumps({"type": "auth", "payload": {"token": token, "clientId": "c"}}))
        assert json.loads(client.recv(timeout=20))["payload"]["success"] is True
    assert server.client(token).get("/api/v1/agents").status_code == 200


def test_open_to_this_host(make_server):
    """--auth local: callers of this host need no token"""
    server = make_server(*LISTEN, "--auth", "local")
    with Dashboard(server, auth=False) as client:
        ack = client.ask("subscribe:agent", {})
        assert ack["payload"]["success"] is True
    with Dashboard(server, auth=False) as client:
        assert client.ask("auth", {"clientId": "c"})["payload"]["success"] is True


# Envelopes


def test_envelope(client):
    """DASH-MSG-01..04, DASH-MSG-06, DASH-MSG-07, C-11: every message is whole, and broken ones are told so"""
    ack = client.ask("unsubscribe", {"subscriptionId": "x"}, metadata={"correlationId": "mine", "priority": "whatever"})
    assert ack["metadata"]["correlationId"] == "mine"
    ack = client.ask("unsubscribe", {"subscriptionId": "x"}, id=None, timestamp=None)
    assert uuid.UUID(ack["payload"]["messageId"]) and ack["metadata"]["correlationId"] == ack["payload"]["messageId"]
    for text in ("", "no", "[]", "1", "null", '"auth"', '{"type":', '{"id":"a"}', '{"type":7}', '{"type":null}'):
        client.socket.send(text)
        check_refusal(client.receive(), 4001)
    client.socket.send(b"{}")
    check_refusal(client.receive(), 4001)
    client.refused(4002, "agent:dance", {})
    client.refused(4002, "agent:output", {})
    for type, payload in (
        ("agent:create", {}),
        ("agent:create", {"name": "a", "model": "gpt", "workspace": "w"}),
        ("agent:create", {"name": "a", "model": "claude-3-opus"}),
        ("agent:create", {"name": 1, "model": "claude-3-opus", "workspace": "w"}),
        ("agent:create", {"name": "a", "model": "claude-3-opus", "workspace": "w", "resourceLimits": {"memory": 1}}),
        ("agent:create", {"name": "a", "model": "claude-3-opus", "workspace": "w", "environment": {"A": 1}}),
        ("agent:command", {"agentId": "x"}),
        ("agent:command", {"agentId": "x", "command": "c", "timeout": 0}),
        ("agent:command", {"agentId": "x", "command": "c", "timeout": "1"}),
        ("agent:command", {"agentId": "x", "command": "c", "interactive": 1}),
        ("agent:terminate", {}),
        ("agent:terminate", {"agentId": "x", "force": "yes"}),
        ("agent:pause", {"agentId": 7}),
        ("subscribe:agent", {"filters": "stdout"}),
        ("unsubscribe", {}),
    ):
        client.refused(4001, type, payload)
    for type in ("agent:create", "agent:pause", "unsubscribe"):
        client.socket.send(json.dumps({"id": "p", "type": type, "payload": [1]}))
        check_refusal(client.receive(), 4001)
    client.send("ping", {"timestamp": 5})
    assert client.receive()["type"] == "pong"


def test_pings(client):
    """DASH-CONN-10, DASH-SC-09: the pong carries the ping's timestamp"""
    client.send("ping", {"timestamp": 123456})
    pong = client.receive()
    assert pong["type"] == "pong" and pong["payload"]["timestamp"] == 123456
    client.socket.send(json.dumps({"type": "ping", "timestamp": 99}))
    assert client.receive()["payload"]["timestamp"] == 99
    for pong in ({"type": "pong", "payload": {"timestamp": 1}}, {"type": "pong", "timestamp": 1}, {"type": "pong"}):
        client.socket.send(json.dumps(pong))
    client.succeed("subscribe:agent", {})


def test_large_messages(board):
    """DASH-PERF-05: 1 MB is taken, a byte more closes with 1009"""
    with Dashboard(board) as client:
        head = '{"type":"unsubscribe","payload":{"subscriptionId":"'
        for size, fits in ((1_048_576, True), (1_048_577, False)):
            client.socket.send(head + "x" * (size - len(head) - 3) + '"}}')
            if fits:
                check_refusal(client.receive(), 4001)
            else:
                assert closing(client)[0] == 1009


# Agents


def test_create(client, board):
    """DASH-CS-01, DASH-CS-09, DASH-SC-01, DASH-SC-03, DASH-MSG-04, X-02, C-13: a real process in its workspace"""
    started = time.time() * 1000
    id = client.send("agent:create", {
        "name": "Ada", "model": "claude-3-opus", "workspace": "project-a", "environment": {"COLOUR": "blue green"},
    })
    ack, created, starting, running = [client.receive() for _ in range(4)]
    agent = ack["payload"]["agentId"]
    assert ack["payload"]["messageId"] == id and ack["payload"]["success"] is True
    assert created["type"] == "agent:created" and created["metadata"] == {"agentId": agent, "correlationId": id}
    assert created["payload"]["name"] == "Ada" and created["payload"]["agentId"] == agent
    assert abs(created["payload"]["startTime"] - started) < 20_000
    pid = created["payload"]["pid"]
    assert state(pid) is not None
    assert os.readlink(f"/proc/{pid}/cwd") == os.path.join(os.path.realpath(board.data), "workspaces", "project-a")
    assert [starting["payload"]["status"], running["payload"]["status"]] == ["starting", "running"]
    assert running["payload"]["details"]["pid"] == pid and running["metadata"]["agentId"] == agent
    client.succeed("agent:command", {"agentId": agent, "command": "echo $COLOUR; pwd"})
    text = client.output(agent, "project-a")
    assert text.startswith("blue green\n")
    listed = board.client().get("/api/v1/agents").json()["data"]
    assert agent in json.dumps(listed)
    client.succeed("agent:terminate", {"agentId": agent})


def test_interactive(client):
    """DASH-CS-04, DASH-SC-02: lines are typed to one process, whose streams are apart, without an echo"""
    agent = client.create()
    client.succeed("agent:command", {"agentId": agent, "command": "x=40", "interactive": True})
    client.succeed("agent:command", {"agentId": agent, "command": "echo sum=$((x + 2)); echo wrong >&2", "interactive": True})
    out, err = "", ""
    while "sum=42\n" not in out or "wrong\n" not in err:
        payload = client.until("agent:output")["payload"]
        if payload["stream"] == "stdout":
            out += payload["data"]
        else:
            err += payload["data"]
    assert "echo" not in out and "echo" not in err
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_output_sequence(client):
    """DASH-SC-02: one counter over both streams, from 1, without gaps; large output comes complete and in order"""
    agent = client.create()
    client.succeed("agent:command", {
        "agentId": agent, "command": "i=0; while [ $i -lt 3000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done; echo END",
    })
    sequences, out, err = [], "", ""
    for message in client.seen:
        if message["type"] == "agent:output":
            sequences.append(message["payload"]["sequence"])
    while "END\n" not in out or f"error 2999\n" not in err:
        payload = client.until("agent:output", lambda p: p["agentId"] == agent)["payload"]
        sequences.append(payload["sequence"])
        assert payload["stream"] in ("stdout", "stderr") and isinstance(payload["timestamp"], int)
        if payload["stream"] == "stdout":
            out += payload["data"]
        elif payload["data"].startswith("error") or "error" in payload["data"]:
            err += payload["data"]
    assert sequences == list(range(1, len(sequences) + 1))
    assert out == "".join(f"line {i}\n" for i in range(3000)) + "END\n"
    assert "".join(f"error {i}\n" for i in range(3000)) in err
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_output_characters(client):
    """DASH-SC-02: characters of several bytes stay whole however they are printed, and what is none is replaced"""
    agent = client.create()
    client.succeed("agent:command", {
        "agentId": agent,
        "command": r"printf '\303'; sleep 0.2; printf '\274\n'; printf 'a\377b\n'; echo DONE",
    })
    text = client.output(agent, "DONE", stream="stdout")
    assert text == "ü\na\ufffdb\nDONE\n"
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_one_shot_commands(client):
    """DASH-CS-02, DASH-CS-03, DASH-ERR-07: commands run by themselves; one that takes too long is stopped, the agent is not"""
    agent = client.create()
    client.succeed("agent:command", {"agentId": agent, "command": "echo one two | wc -w"})
    assert client.output(agent, "2").strip() == "2"
    id = client.send("agent:command", {"agentId": agent, "command": "echo $$; sleep 100", "timeout": 500})
    pid = int(client.output(agent, "\n", stream="stdout"))
    error = client.until("agent:error")
    assert error["payload"]["error"]["code"] == "AGENT_COMMAND_TIMEOUT" and error["payload"]["error"]["number"] == 2004
    assert error["payload"]["agentId"] == agent and error["metadata"]["correlationId"] == id
    assert "stack" not in error["payload"]["error"]
    assert state(pid) is None
    client.succeed("agent:command", {"agentId": agent, "command": "exit 3"})
    error = client.until("agent:error")["payload"]["error"]
    assert error["code"] == "AGENT_COMMAND_FAILED" and "3" in error["message"]
    client.succeed("agent:command", {"agentId": agent, "command": "echo alive"})
    assert client.output(agent, "alive\n", stream="stdout") == "alive\n"
    client.refused(4001, "agent:command", {"agentId": agent, "command": "  \n"})
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_cleaned_commands(client):
    """DASH-SEC-03: control characters do not reach the process, tabs and escape sequences do; 64 KiB and no more"""
    agent = client.create()
    client.succeed("agent:command", {"agentId": agent, "command": "printf '%s' 'a\u0000b\u0003c\td\u001be\u007ff' | od -An -c"})
    assert client.output(agent, "f").split() == ["a", "b", "c", "\\t", "d", "033", "e", "f"]
    client.refused(4001, "agent:command", {"agentId": agent, "command": "x" * 65537})
    client.refused(4001, "agent:command", {"agentId": agent, "command": "ü" * 40000})
    client.succeed("agent:command", {"agentId": agent, "command": "echo " + "y" * 65000 + " | wc -c"})
    client.output(agent, "65001")
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_pause_and_resume(client):
    """DASH-CS-06, DASH-CS-07: the whole process tree halts, and goes on"""
    agent = client.create()
    pid = client.until("agent:created")["payload"]["pid"]
    client.succeed("agent:command", {"agentId": agent, "command": "echo $$; while :; do sleep 0.05; echo tick; done"})
    shell = int(client.output(agent, "\n", stream="stdout").split()[0])
    client.refused(4001, "agent:resume", {"agentId": agent})
    client.succeed("agent:pause", {"agentId": agent})
    client.until("agent:status", lambda p: p["status"] == "paused")
    # A shell that has just forked waits in the kernel for its child, which is halted before its program begins.
    wait_until(lambda: state(pid) == "T" and state(shell) in "TD", "both halt")
    client.refused(4001, "agent:pause", {"agentId": agent})
    client.succeed("agent:resume", {"agentId": agent})
    client.until("agent:status", lambda p: p["status"] == "running")
    wait_until(lambda: state(pid) != "T" and state(shell) != "T", "both go on")
    client.output(agent, "tick")
    client.succeed("agent:pause", {"agentId": agent})
    client.succeed("agent:terminate", {"agentId": agent})
    client.until("agent:status", lambda p: p["status"] == "stopped")
    assert state(pid) is None and state(shell) is None


def test_terminate(client):
    """DASH-CS-05: stopping and stopped, with everything that it started; with force at once"""
    for force in (False, True):
        agent = client.create()
        pid = client.until("agent:created", lambda p: p["agentId"] == agent)["payload"]["pid"]
        client.succeed("agent:command", {"agentId": agent, "command": "trap '' TERM HUP; (sleep 100 & echo $!); wait; sleep 100"})
        child = int(client.output(agent, "\n", stream="stdout"))
        began = time.monotonic()
        client.succeed("agent:terminate", {"agentId": agent, "force": force})
        client.until("agent:status", lambda p: p["status"] == "stopping")
        client.until("agent:status", lambda p: p["status"] == "stopped", seconds=30)
        assert time.monotonic() - began < 15
        assert state(pid) is None and state(child) is None
        client.refused(2001, "agent:pause", {"agentId": agent})
    client.refused(2001, "agent:terminate", {"agentId": "nobody"})
    client.refused(2001, "agent:command", {"agentId": "no body", "command": "x"})


def test_crash(client, board):
    """DASH-SC-01, DASH-SC-04, DASH-SC-07: an end that nobody asked for is a crash, and an alert for everybody"""
    with Dashboard(board, viewer(board)) as other:
        agent = client.create()
        pid = client.until("agent:created")["payload"]["pid"]
        os.kill(pid, signal.SIGKILL)
        status = client.until("agent:status", lambda p: p["status"] == "crashed")
        assert status["payload"]["agentId"] == agent
        error = client.until("agent:error")["payload"]
        assert error["agentId"] == agent and error["error"]["code"] == "AGENT_CRASHED" and "SIGKILL" in error["error"]["message"]
        alert = other.until("system:alert")["payload"]
        assert alert["level"] == "error" and alert["category"] == "agent" and alert["message"]
        # It starts again by itself.
        client.until("agent:status", lambda p: p["status"] == "running", seconds=30)
        client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_failed_spawn(board, make_server):
    """DASH-ERR-05, DASH-SEC-04: an agent that cannot start is refused with 2002, and leaves nothing"""
    root = pathlib.Path(board.data) / "workspaces"
    root.mkdir(exist_ok=True)
    (root / "out").symlink_to("/etc") if not (root / "out").is_symlink() else None
    with Dashboard(board) as client:
        for workspace in ("/etc", "../elsewhere", "a/../../b", "out", "out/x"):
            id = client.send("agent:create", {"name": "x", "model": "claude-3-opus", "workspace": workspace})
            ack = client.receive()
            check_refusal(ack, 2002)
            error = client.receive()
            assert error["type"] == "agent:error" and error["payload"]["error"]["number"] == 2002
            assert error["metadata"]["correlationId"] == id
        wait_until(
            lambda: not [a for a in board.client().get("/api/v1/agents").json()["data"]["agents"] if a["name"] == "x"],
            "the agents are gone",
        )
    server = make_server(
        *LISTEN, configuration={"runners": {"claude-3-sonnet": {"interactive": ["/no/such/program"]}}}
    )
    with Dashboard(server) as client:
        client.refused(2002, "agent:create", {"name": "x", "model": "claude-3-sonnet", "workspace": "w"})
        client.create()


def test_environment(client):
    """DASH-SEC-05, X-12: variables that decide about programs and libraries are refused, values appear nowhere"""
    for name in ("LD_PRELOAD", "PATH", "LD_LIBRARY_PATH", "BASH_ENV", "NODE_OPTIONS", "PYTHONPATH", "MAOS_TOKEN", "A=B", ""):
        payload = client.refused(4001, "agent:create", {
            "name": "a", "model": "claude-3-opus", "workspace": "w", "environment": {name: "hush-hush"},
        })
        assert "hush-hush" not in payload["error"]


def test_runner(make_server):
    """DASH-CS-01: the runner of the model, else the one for all; its command for what runs by itself"""
    server = make_server(*LISTEN, configuration={"runners": {
        "claude-3-opus": {
            "interactive": ["/bin/sh", "-c", "echo hello {model} {agent.name}; while read line; do echo got $line; done"],
            "command": ["/bin/echo", "ran", "{description}", "in", "{workspace}"],
        },
        "*": {"interactive": ["/bin/sh", "-c", "echo other; cat"]},
    }})
    with Dashboard(server) as client:
        agent = client.create(name="Bob")
        client.output(agent, "hello claude-3-opus Bob\n")
        client.succeed("agent:command", {"agentId": agent, "command": "a $(b)", "interactive": True})
        client.output(agent, "got a $(b)\n")
        client.succeed("agent:command", {"agentId": agent, "command": "a; $(b)"})
        assert client.output(agent, "\n").startswith("ran a; $(b) in ")
        client.succeed("agent:create", {"name": "c", "model": "claude-3-sonnet", "workspace": "w"})
        client.until("agent:output", lambda p: p["data"] == "other\n")


def test_resource_limits(client):
    """DASH-CS-01, DASH-ERR-08: limits are kept for all processes of an agent; what the host has not is refused"""
    agent = client.create(resourceLimits={"memory": 64, "cpu": 1})
    client.succeed("agent:command", {
        "agentId": agent, "command": "exec python3 -c 'import time; x = bytearray(200 << 20); time.sleep(30)'",
    })
    error = client.until("agent:error", seconds=30)["payload"]["error"]
    assert error["number"] in (3001, 2006), error
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


# Who may do what


def test_roles(board):
    """DASH-SEC-02, DASH-ERR-03, DASH-ERR-04: viewers look, operators act on their own, administrators on all"""
    with Dashboard(board) as olga, Dashboard(board, viewer(board)) as vera, Dashboard(board, admin(board)) as adam, \
            Dashboard(board, operator(board, sub="otto")) as otto:
        agent = olga.create()
        vera.refused(1003, "agent:create", {"name": "a", "model": "claude-3-opus", "workspace": "w"})
        for type in ("agent:command", "agent:pause", "agent:terminate"):
            payload = {"agentId": agent, "command": "true"} if type == "agent:command" else {"agentId": agent}
            vera.refused(1003, type, payload)
            otto.refused(1003, type, payload)
            otto.refused(2001, type, {**payload, "agentId": "nobody"})
        vera.succeed("subscribe:agent", {"agentId": agent})
        olga.succeed("agent:command", {"agentId": agent, "command": "echo seen"})
        vera.output(agent, "seen")
        adam.succeed("agent:pause", {"agentId": agent})
        vera.until("agent:status", lambda p: p["status"] == "paused")
        adam.succeed("agent:terminate", {"agentId": agent})
    nobody = board.sign(sub="nina")
    with Dashboard(board, nobody) as nina:
        for type in ("subscribe:agent", "subscribe:metrics", "subscribe:logs"):
            nina.refused(1003, type, {})


# Listening


def test_subscriptions(board):
    """DASH-CS-08, DASH-CS-12, DASH-CS-14, C-12: by agent or for all; each message names its subscription; until unsubscribed"""
    with Dashboard(board) as olga, Dashboard(board, viewer(board)) as vera:
        agent, other = olga.create(), olga.create()
        first = vera.succeed("subscribe:agent", {"agentId": agent})["subscriptionId"]
        vera.refused(2001, "subscribe:agent", {"agentId": "nobody"})
        olga.succeed("agent:command", {"agentId": other, "command": "echo elsewhere"})
        olga.succeed("agent:command", {"agentId": agent, "command": "echo here"})
        message = vera.until("agent:output")
        assert message["payload"]["data"] == "here\n" and message["metadata"]["subscriptionId"] == first
        assert message["metadata"]["agentId"] == agent
        vera.succeed("unsubscribe", {"subscriptionId": first})
        alias = vera.send("subscribe:agent", {})
        every = vera.until("ack")["payload"]["subscriptionId"]
        olga.succeed("agent:command", {"agentId": other, "command": "echo both"})
        message = vera.until("agent:output")
        assert message["payload"]["data"] == "both\n" and message["metadata"]["subscriptionId"] == every
        vera.succeed("unsubscribe", {"subscriptionId": alias})
        vera.refused(4001, "unsubscribe", {"subscriptionId": every})
        olga.succeed("agent:command", {"agentId": other, "command": "echo unheard"})
        olga.output(other, "unheard")
        vera.send("ping", {"timestamp": 1})
        assert vera.receive()["type"] == "pong"
        for id in (agent, other):
            olga.succeed("agent:terminate", {"agentId": id, "force": True})


def test_no_duplicates(client):
    """DASH-CS-09, C-13: who made an agent hears of it, and hears of it once, also when subscribed twice"""
    agent = client.create()
    client.until("agent:status", lambda p: p["status"] == "running")
    one = client.succeed("subscribe:agent", {"agentId": agent})["subscriptionId"]
    client.succeed("subscribe:agent", {})
    client.succeed("agent:command", {"agentId": agent, "command": "echo once"})
    client.succeed("agent:command", {"agentId": agent, "command": "sleep 0.2; echo last"})
    client.output(agent, "last")
    found = [m for m in client.seen if m["type"] == "agent:output" and m["payload"]["data"] == "once\n"]
    assert len(found) == 1 and found[0]["metadata"]["subscriptionId"] == one
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_filters(board):
    """DASH-CS-13: message types and streams; unknown ones are refused"""
    with Dashboard(board) as olga, Dashboard(board, viewer(board)) as errors, Dashboard(board, viewer(board)) as statuses:
        agent = olga.create()
        errors.refused(4001, "subscribe:agent", {"filters": ["colour"]})
        errors.succeed("subscribe:agent", {"agentId": agent, "filters": ["stderr"]})
        statuses.succeed("subscribe:agent", {"agentId": agent, "filters": ["agent:status"]})
        olga.succeed("agent:command", {"agentId": agent, "command": "echo out; echo err >&2"})
        assert errors.until("agent:output")["payload"]["data"] == "err\n"
        olga.succeed("agent:terminate", {"agentId": agent, "force": True})
        assert statuses.receive()["payload"]["status"] == "stopping"
        assert statuses.receive()["payload"]["status"] == "stopped"


def test_logs(board):
    """DASH-CS-11, C-14: each line an agent prints is a log entry"""
    with Dashboard(board) as olga, Dashboard(board, viewer(board)) as vera:
        agent = olga.create()
        subscription = vera.succeed("subscribe:logs", {"agentId": agent})["subscriptionId"]
        olga.succeed("agent:command", {"agentId": agent, "command": "echo one; echo two; sleep 0.3; echo three >&2"})
        # A shell's prompt is a line of its errors, too.
        entries = [vera.until("log:entry", lambda p: p["message"].strip() not in "#$") for _ in range(3)]
        assert [e["payload"]["message"] for e in entries] == ["one", "two", "three"]
        assert [e["payload"]["level"] for e in entries] == ["info", "info", "warn"]
        assert all(e["payload"]["subscriptionId"] == subscription == e["metadata"]["subscriptionId"] for e in entries)
        assert all(e["payload"]["agentId"] == agent and e["payload"]["timestamp"] for e in entries)
        vera.succeed("unsubscribe", {"subscriptionId": subscription})
        vera.succeed("subscribe:logs", {"filters": ["warn"]})
        olga.succeed("agent:command", {"agentId": agent, "command": "echo quiet; sleep 0.2; echo loud >&2"})
        assert vera.until("log:entry", lambda p: p["message"].strip() not in "#$")["payload"]["message"] == "loud"
        olga.succeed("agent:terminate", {"agentId": agent, "force": True})


# Limits


def test_repeated_messages(client):
    """DASH-MSG-08: executed once, acknowledged twice"""
    agent = client.create()
    id = str(uuid.uuid4())
    for _ in range(3):
        client.send("agent:command", {"agentId": agent, "command": "echo just once"}, id=id)
    acks = [client.until("ack") for _ in range(3)]
    assert {a["payload"]["messageId"] for a in acks} == {id} and all(a["payload"]["success"] for a in acks)
    client.succeed("agent:command", {"agentId": agent, "command": "sleep 0.3; echo END"})
    client.output(agent, "END")
    assert sum(m["payload"].get("data") == "just once\n" for m in client.seen if m["type"] == "agent:output") == 1
    client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_limits(make_server):
    """DASH-RL-01, DASH-RL-02, DASH-RL-03, DASH-ERR-13: as the document has them, one connection's do not touch another's"""
    server = make_server(*LISTEN)
    with Dashboard(server) as client:
        agent, other = client.create(), client.create()
        answers = []
        ids = [client.send("agent:command", {"agentId": agent, "command": "true"}) for _ in range(11)]
        while len(answers) < 11:
            ack = client.until("ack")["payload"]
            answers.append(ack)
        refused = [a for a in answers if not a["success"]]
        assert len(refused) == 1 and refused[0]["code"] == 4003 and refused[0]["messageId"] == ids[-1]
        client.succeed("agent:command", {"agentId": other, "command": "true"})
        time.sleep(1.1)
        client.succeed("agent:command", {"agentId": agent, "command": "true"})
    with Dashboard(server) as client:
        found = []
        for count in range(100):
            found.append(client.succeed("subscribe:agent", {})["subscriptionId"])
            time.sleep(0.011)
        client.refused(4003, "subscribe:agent", {})
        client.succeed("unsubscribe", {"subscriptionId": found[0]})
        client.succeed("subscribe:agent", {})
    with Dashboard(server) as client, Dashboard(server) as neighbour:
        for number in range(130):
            client.send("ping", {"timestamp": number})
        kinds = [client.receive()["type"] for _ in range(130)]
        assert kinds[:100] == ["pong"] * 100
        assert kinds[100:].count("ack") >= 20
        neighbour.send("ping", {"timestamp": 1})
        assert neighbour.receive()["type"] == "pong"
        time.sleep(1.1)
        client.send("ping", {"timestamp": 1})
        assert client.receive()["type"] == "pong"


def test_configured_limits(make_server):
    """DASH-RL-05, DASH-RL-06, DASH-ERR-06: per user, per address, agents"""
    server = make_server(*LISTEN, configuration={"limits": {"dashboard": {
        "messagesPerUser": 20, "connectionsPerAddress": 3, "agents": 1,
    }}})
    with Dashboard(server) as one, Dashboard(server) as two:
        for number in range(15):
            one.send("ping", {"timestamp": number})
            two.send("ping", {"timestamp": number})
        kinds = [c.receive()["type"] for c in (one, two) for _ in range(15)]
        assert kinds.count("pong") < 30 and "ack" in kinds
        time.sleep(1.1)
        agent = one.create()
        one.refused(2003, "agent:create", {"name": "b", "model": "claude-3-opus", "workspace": "w"})
        one.succeed("agent:terminate", {"agentId": agent, "force": True})
        one.until("agent:status", lambda p: p["status"] == "stopped")
        one.create()
        with Dashboard(server, auth=False), Dashboard(server, auth=False) as surplus:
            check_refusal(surplus.receive(), 4003)
            assert closing(surplus)[0] == 1013


def test_no_leaks(board):
    """DASH-CLI-07, DASH-CONN-11, DASH-RL-04: connections come and go as fast as they like, and leave nothing"""
    before = board.sockets()
    for number in range(300):
        with Dashboard(board, client_id="the same"):
            pass
    wait_until(lambda: board.sockets() <= before + 1, "all sockets are closed")


def test_measured(board):
    """DASH-MON-01, DASH-MON-02, DASH-MON-03, DASH-MON-04, DASH-MON-05, DASH-MON-06: what operators see"""
    with Dashboard(board) as client:
        client.refused(2001, "agent:pause", {"agentId": "nobody"})
        def metrics():
            return board.client().get("/metrics").text
        wait_until(lambda: 'maos_errors_total{code="AGENT_NOT_FOUND",dialect="dashboard"}' in metrics(), "the error is counted")
        text = metrics()
        def value(start):
            return float(next(l for l in text.splitlines() if l.startswith(start)).rsplit(" ", 1)[1])
        assert value('maos_errors_total{code="AGENT_NOT_FOUND",dialect="dashboard"}') >= 1
        assert value('maos_ws_connections{dialect="dashboard"}') >= 1
        for name in ("maos_ws_messages_total", "maos_ws_latency_seconds", "maos_ws_reconnects_total", "maos_ws_queue_bytes"):
            assert name in text


# Sessions


def drop(client):
    """Ends a connection as a lost network does."""
    client.socket.socket.close()


def test_resume(board):
    """DASH-SESS-01, DASH-SESS-02, DASH-SESS-03, DASH-SESS-04, DASH-SESS-06, DASH-CS-08, C-09, C-10: subscriptions, agents and what was missed, in order, then live, once each"""
    token = operator(board)
    client = Dashboard(board, token)
    agent = client.create()
    client.until("agent:status", lambda p: p["status"] == "running")
    subscription = client.succeed("subscribe:agent", {"agentId": agent})["subscriptionId"]
    client.succeed("agent:command", {
        "agentId": agent, "command": "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; echo END",
    })
    client.output(agent, "line 5")
    client.socket.close()
    before = [m for m in client.seen if m["type"] == "agent:output"]
    time.sleep(0.7)
    with Dashboard(board, token, sessionId=client.session) as again:
        assert again.welcome["payload"]["resumed"] is True and again.session == client.session
        assert again.status["payload"]["status"] == "resumed" and again.status["payload"]["queued"] > 3
        again.output(agent, "END")
        after = [m for m in again.seen if m["type"] == "agent:output"]
        sequences = [m["payload"]["sequence"] for m in before + after]
        assert sequences == list(range(1, len(sequences) + 1))
        assert all(m["metadata"]["subscriptionId"] == subscription for m in after)
        again.succeed("agent:pause", {"agentId": agent})
        again.until("agent:status", lambda p: p["status"] == "paused")
        again.succeed("unsubscribe", {"subscriptionId": subscription})
        again.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_resume_after_a_message(board):
    """lastMessageId: what came after it is sent again, with the same ids"""
    token = operator(board)
    client = Dashboard(board, token)
    agent = client.create()
    client.succeed("agent:command", {"agentId": agent, "command": "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done"})
    client.output(agent, "5")
    outputs = [m for m in client.seen if m["type"] == "agent:output" and m["payload"]["stream"] == "stdout"]
    drop(client)
    with Dashboard(board, token, sessionId=client.session, lastMessageId=outputs[1]["id"]) as again:
        again.output(agent, "5")
        found = [m["id"] for m in again.seen if m["type"] == "agent:output" and m["payload"]["stream"] == "stdout"]
        assert found == [m["id"] for m in outputs[2:]]
        again.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_resume_of_events(board):
    """DASH-SESS-05, DASH-SESS-06: agents go on while nobody is there, and what became of them is told afterwards"""
    token = operator(board)
    client = Dashboard(board, token)
    agent = client.create()
    client.until("agent:status", lambda p: p["status"] == "running")
    client.socket.close()
    with Dashboard(board, admin(board)) as adam:
        adam.succeed("agent:pause", {"agentId": agent})
        adam.succeed("agent:resume", {"agentId": agent})
        adam.succeed("agent:command", {"agentId": agent, "command": "exit 7"})
        adam.until("agent:error")
        adam.succeed("agent:terminate", {"agentId": agent})
        adam.until("agent:status", lambda p: p["status"] == "stopped")
    with Dashboard(board, token, sessionId=client.session) as again:
        again.until("agent:status", lambda p: p["status"] == "stopped")
        told = [m["payload"].get("status") or m["payload"]["error"]["code"] for m in again.seen if m["type"] in ("agent:status", "agent:error")]
        assert told == ["paused", "running", "AGENT_COMMAND_FAILED", "stopping", "stopped"]


def test_sessions_of_clients(board):
    """DASH-SESS-03, DASH-CLI-02: by the session's id, in the message or the query; by user and client; only for the same user"""
    token = operator(board)
    first = Dashboard(board, token)
    first.socket.close()
    with Dashboard(board, token, query=f"?sessionId={first.session}") as again:
        assert again.session == first.session and again.welcome["payload"]["resumed"] is True
    with Dashboard(board, token, client_id=first.client_id) as again:
        assert again.session == first.session
    with Dashboard(board, operator(board, sub="otto"), sessionId=first.session) as foreign:
        assert foreign.session != first.session and foreign.welcome["payload"]["resumed"] is False
    with Dashboard(board, operator(board, sub="otto"), client_id=first.client_id) as foreign:
        assert foreign.session != first.session
    with Dashboard(board, token, sessionId="unknown") as fresh:
        assert fresh.welcome["payload"]["resumed"] is False


def test_newest_wins(board):
    """DASH-SESS-08: a session has one connection; the older one is closed with 4000"""
    token = operator(board)
    for _ in range(6):
        first = Dashboard(board, token)
        subscription = first.succeed("subscribe:agent", {})["subscriptionId"]
        with Dashboard(board, token, sessionId=first.session) as second:
            assert closing(first) == (4000, "session replaced")
            assert second.welcome["payload"]["resumed"] is True
            second.succeed("unsubscribe", {"subscriptionId": subscription})


def test_too_much_was_missed(board):
    """DASH-SESS-06: the newest 1,000 messages, and an alert that says how many there were before"""
    token = operator(board)
    client = Dashboard(board, token)
    agent = client.create()
    client.succeed("agent:command", {"agentId": agent, "command": "echo first"})
    client.output(agent, "first")
    client.socket.close()
    with Dashboard(board, admin(board)) as adam:
        adam.succeed("agent:command", {
            "agentId": agent, "command": "i=0; while [ $i -lt 1500 ]; do echo $i; echo $i >&2; i=$((i+1)); done; sleep 0.2; echo END",
        })
        adam.output(agent, "END", seconds=60)
        last = [m for m in adam.seen if m["type"] == "agent:output"][-1]["payload"]["sequence"]
    with Dashboard(board, token, sessionId=client.session) as again:
        again.output(agent, "END", seconds=60)
        outputs = [m["payload"]["sequence"] for m in again.seen if m["type"] == "agent:output"]
        alerts = [m["payload"] for m in again.seen if m["type"] == "system:alert"]
        if last > 1100:
            assert len(outputs) <= 1000 and alerts[0]["details"]["dropped"] > 0
        assert outputs == list(range(outputs[0], last + 1))
        again.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_expiry(board):
    """DASH-ERR-02: a token that ends meanwhile: an alert, nothing more is done, another token goes on"""
    now = int(time.time())
    with Dashboard(board, operator(board, iat=now, exp=now + 3)) as client:
        agent = client.create()
        alert = client.until("system:alert", lambda p: p["category"] == "security")["payload"]
        assert alert["details"]["code"] == 1002
        client.refused(1002, "agent:command", {"agentId": agent, "command": "true"})
        ack = client.succeed("auth", {"token": operator(board), "clientId": client.client_id})
        assert ack["sessionId"] == client.session
        client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_metrics(board):
    """DASH-CS-10, DASH-SC-05, DASH-SC-06: readings of the host and of agents, at once and every 5 s"""
    with Dashboard(board) as client:
        agent = client.create()
        client.succeed("agent:command", {"agentId": agent, "command": "sleep 20"})
        subscription = client.succeed("subscribe:metrics", {})["subscriptionId"]
        first = client.until("metrics:update")
        second = client.until("metrics:update", seconds=10)
        assert 4_000 < second["timestamp"] - first["timestamp"] < 7_000
        assert second["metadata"]["subscriptionId"] == subscription
        system = second["payload"]["system"]
        assert 0 <= system["cpu"]["usage"] <= 100 and system["cpu"]["cores"] >= 1
        memory = system["memory"]
        assert memory["total"] > memory["used"] > 0 and memory["available"] > 0 and 0 < memory["percent"] < 100
        assert system["disk"]["total"] >= system["disk"]["used"] > 0 and 0 <= system["disk"]["percent"] <= 100
        assert all(isinstance(system["network"][n], int) for n in ("bytesIn", "bytesOut", "packetsIn", "packetsOut"))
        own = next(a for a in second["payload"]["agents"] if a["agentId"] == agent)
        assert own["memory"] > 0 and own["threads"] >= 1 and own["cpu"] >= 0
        client.succeed("unsubscribe", {"subscriptionId": subscription})
        client.succeed("subscribe:metrics", {"agentId": agent})
        assert [a["agentId"] for a in client.until("metrics:update")["payload"]["agents"]] == [agent]
        client.succeed("agent:terminate", {"agentId": agent, "force": True})


def test_debugging(monkeypatch):
    """DASH-MON-07: DEBUG=ws:* notes every message by its type and size, and no token"""
    for value, is_noted in (("ws:*", True), ("", False)):
        monkeypatch.setenv("DEBUG", value)
        server = Server(*LISTEN)
        try:
            with Dashboard(server) as client:
                client.succeed("subscribe:agent", {})
            server.log.flush()
            text = pathlib.Path(server.log.name).read_text()
            assert ("type=auth" in text) is is_noted and ("subscribe:agent" in text) is is_noted
            assert "eyJ" not in text
        finally:
            assert server.stop() == 0


def test_many_connections(board):
    """DASH-PERF-01, DASH-PERF-04: 1,000 connections that have said who they are, each within 100 ms, and all of them are told"""
    token = operator(board)

    async def join():
        began = time.monotonic()
        client = await async_connect(f"ws://127.0.0.1:{board.ports['dashboard']}/ws", max_size=None, ping_interval=None)
        await client.send(json.dumps({"type": "auth", "payload": {"token": token, "clientId": str(uuid.uuid4())}}))
        assert json.loads(await client.recv())["payload"]["success"]
        taken = time.monotonic() - began
        assert json.loads(await client.recv())["type"] == "connection:status"
        await client.send(json.dumps({"type": "subscribe:agent", "payload": {"filters": ["agent:status"]}}))
        while json.loads(await client.recv())["type"] != "ack":
            pass
        return client, taken

    async def hears(client, status):
        while True:
            message = json.loads(await asyncio.wait_for(client.recv(), 60))
            if message["type"] == "agent:status" and message["payload"]["status"] == status:
                return message["payload"]["agentId"]

    async def play():
        joined = [await join() for _ in range(1000)]
        times = sorted(taken for _, taken in joined)
        assert times[950] < 0.1, times[950]
        clients = [client for client, _ in joined]
        await clients[0].send(json.dumps({
            "type": "agent:create", "payload": {"name": "a", "model": "claude-3-opus", "workspace": "many"},
        }))
        agents = set(await asyncio.gather(*(hears(client, "running") for client in clients)))
        assert len(agents) == 1
        await clients[0].send(json.dumps({"type": "agent:terminate", "payload": {"agentId": agents.pop(), "force": True}}))
        await asyncio.gather(*(hears(client, "stopped") for client in clients))
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(play())
