"""The team dashboard (document 004): limits, sessions that outlive connections, and many connections."""

import asyncio
import json
import os
import pathlib
import time
import uuid

from websockets.asyncio.client import connect as async_connect

from conftest import Server, wait_until
from dashboard import LISTEN, Dashboard, admin, board, check_refusal, client, closing, operator


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


def test_throughput(make_server):
    """DASH-PERF-03, C-16: 10,000 messages a second, both directions, over 100 connections that keep to the limit of each

    For 5 s, or as long as MAOS_THROUGHPUT_SECONDS says.
    """
    server = make_server(*LISTEN)
    connections, pings = 100, 50
    seconds = int(os.environ.get("MAOS_THROUGHPUT_SECONDS", "5"))

    async def join():
        client = await async_connect(
            f"ws://127.0.0.1:{server.ports['dashboard']}/ws", compression=None, ping_interval=None)
        await client.send(json.dumps({"type": "auth", "payload": {"token": operator(server), "clientId": str(uuid.uuid4())}}))
        assert json.loads(await client.recv())["payload"]["success"]
        assert json.loads(await client.recv())["type"] == "connection:status"
        return client

    async def answer(client):
        while True:
            message = json.loads(await asyncio.wait_for(client.recv(), 60))
            if message["type"] not in ("system:alert", "ping"):
                return message["type"], message["payload"].get("timestamp")

    async def exchange(client, numbers):
        for number in numbers:
            await client.send(json.dumps({"type": "ping", "payload": {"timestamp": number}}))
        assert [await answer(client) for _ in numbers] == [("pong", number) for number in numbers]

    async def play():
        clients = [await join() for _ in range(connections)]
        before = server.cpu_seconds()
        for second in range(seconds):
            began = time.monotonic()
            numbers = range(second * pings, (second + 1) * pings)
            await asyncio.gather(*(exchange(client, numbers) for client in clients))
            await asyncio.sleep(max(0, began + 1 - time.monotonic()))
        used = server.cpu_seconds() - before
        await asyncio.gather(*(client.close() for client in clients))
        return used

    # A busy machine may take its time; what the server uses of one processor says whether it could hold the rate.
    used = asyncio.run(play())
    assert used < seconds, f"{used} s of processor time for {seconds} times 10,000 messages"
