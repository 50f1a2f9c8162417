"""The team dashboard (document 004): agents with real processes, commands and output."""

import json
import os
import pathlib
import signal
import time

from conftest import wait_until
from dashboard import LISTEN, Dashboard, board, check_refusal, client, state, viewer


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
