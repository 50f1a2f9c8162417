"""The team dashboard (document 004): authentication, envelopes, subscriptions, and who may do what."""

import json
import time
import uuid

from websockets.sync.client import connect

from dashboard import LISTEN, Dashboard, admin, board, check_refusal, client, closing, operator, viewer


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
