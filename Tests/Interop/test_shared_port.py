"""The address that the hive and the team dashboard share: the first message decides."""

import json
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conftest import new_task


@pytest.fixture(scope="module")
def shared(server_class):
    server = server_class("--limits", "off", "--listen", "localhost:0=hive,dashboard")
    yield server
    assert server.is_well() and server.stop() == 0


def address(server, query="", host="localhost"):
    return f"ws://{host}:{server.ports['hive,dashboard']}/ws{query}"


def auth(server):
    token = server.sign("admin:*", roles=["admin"])
    return json.dumps({
        "id": "3f2c8c1e-7d1b-4b52-9a52-1f7c6a3f0a11", "type": "auth", "timestamp": int(time.time() * 1000),
        "payload": {"token": token, "clientId": "client-1"}, "token": token, "clientId": "client-1",
    })


def test_a_silent_client_listens_to_the_hive_from_the_connect_on(shared):
    """C-01, HIVE-CLI-01: what happens in the first moments waits, and is not lost."""
    begin = time.monotonic()
    with connect(address(shared)) as client, shared.client() as http:
        task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        first = json.loads(client.recv(timeout=20))
        assert first["type"] == "hive_status_update"
        assert time.monotonic() - begin > 0.24
        seen = [first]
        while seen[-1]["data"].get("task_id") != task or seen[-1]["type"] != "task_completed":
            seen.append(json.loads(client.recv(timeout=20)))
        assert any(frame["data"].get("task", {}).get("id") == task for frame in seen)
        numbers = [frame["sequence"] for frame in seen]
        assert numbers == sorted(set(numbers))


def test_a_client_that_says_who_it_is_gets_the_dashboard_and_nothing_of_the_hive(shared):
    """C-01, C-02, C-04"""
    with connect(address(shared)) as client:
        client.send(auth(shared))
        first = json.loads(client.recv(timeout=20))
        assert first["type"] == "ack" and "payload" in first and "sequence" not in first, first


def test_a_late_dashboard_client_is_one_all_the_same(shared):
    """C-02"""
    with connect(address(shared)) as client:
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"
        client.send(auth(shared))
        while "payload" not in (message := json.loads(client.recv(timeout=20))):
            pass
        assert message["type"] == "ack"


def test_stray_text_is_no_dashboard_message(shared):
    """C-03, HIVE-CLI-20"""
    for text in ("hello", "{}", '{"type":"nothing"}', "[1]", '"auth"'):
        with connect(address(shared)) as client:
            client.send(text)
            assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"


@pytest.mark.parametrize("query, subprotocol", [("?dialect=hive", None), ("", "maos.hive")])
def test_whoever_says_hive_is_told_at_once(shared, query, subprotocol):
    """C-01"""
    with connect(address(shared, query), subprotocols=[subprotocol] if subprotocol else None) as client:
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"
        assert client.subprotocol == subprotocol


def test_a_hint_for_the_dashboard_holds(shared):
    """C-01, C-02"""
    with connect(address(shared, "?dialect=dashboard")) as client:
        client.send("hello")
        try:
            assert "sequence" not in json.loads(client.recv(timeout=20))
        except ConnectionClosed:
            pass


def test_both_families_of_localhost_answer(shared):
    """X-11"""
    for host in ("127.0.0.1", "[::1]", "localhost"):
        with connect(address(shared, "?dialect=hive", host)) as client:
            assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"


def test_health_and_nothing_else_of_http(shared):
    """HIVE-CONN-06"""
    base = f"http://localhost:{shared.ports['hive,dashboard']}"
    assert httpx.get(f"{base}/health").status_code == 200
    assert httpx.get(f"{base}/api/v1/tasks").status_code == 404


def test_a_closed_hive_leaves_the_dashboard_open(make_server):
    """C-01, X-07: without a token one is a dashboard client, and has to say who one is."""
    server = make_server(
        "--limits", "off", "--listen", "localhost:0=hive,dashboard", configuration={"hive": {"auth": "required"}}
    )
    with connect(address(server)) as client:
        client.send(auth(server))
        assert json.loads(client.recv(timeout=20))["type"] == "ack"
    with connect(address(server)) as client:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                assert "sequence" not in json.loads(client.recv(timeout=20))
        assert closed.value.rcvd.code == 1008
    with pytest.raises(InvalidStatus) as refused:
        connect(address(server, "?token=nonsense"))
    assert refused.value.response.status_code == 401
    with connect(address(server, f"?token={server.token}")) as client:
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"
