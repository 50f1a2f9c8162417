"""The gateway's WebSocket and the echo endpoint through two independent clients."""

import json

import pytest
import websocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from conftest import new_task, wait_for_end


def receive_until(socket, condition, limit=200):
    for _ in range(limit):
        message = json.loads(socket.recv(timeout=20))
        if condition(message):
            return message
    raise AssertionError("the message did not come")


def open_socket(server, **more):
    return connect(server.socket_url, additional_headers={"Authorization": f"Bearer {server.token}"}, **more)


def test_updates_of_one_task_arrive(server, http):
    """GW-WS-02, GW-WS-06, GW-WS-07, GW-WS-09, GW-WS-16, GW-WS-17, GW-WS-18"""
    with open_socket(server) as socket:
        hello = json.loads(socket.recv(timeout=20))
        assert hello["type"] == "connected" and hello["connectionId"] and hello["timestamp"].endswith("Z")
        socket.send(json.dumps({"type": "subscribe", "channel": "tasks:all"}))
        ack = receive_until(socket, lambda m: m["type"] == "subscribed")
        assert ack["channel"] == "tasks:all"
        task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        done = receive_until(
            socket,
            lambda m: m["type"] == "broadcast"
            and m["message"].get("taskId") == task
            and m["message"]["status"] == "completed",
        )
        assert done["channel"] == "tasks:all"
        message = done["message"]
        assert message["type"] == "task_update" and message["progress"] == 1
        assert message["payload"]["taskId"] == task


def test_filters_and_unsubscribing(server, http):
    """GW-WS-06, GW-WS-08"""
    with open_socket(server) as socket:
        socket.recv(timeout=20)
        socket.send(json.dumps({"type": "subscribe", "channel": "tasks:all", "filter": {"status": "failed"}}))
        receive_until(socket, lambda m: m["type"] == "subscribed")
        wait_for_end(http, http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"])
        bad = http.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/false"]})).json()["data"]["taskId"]
        update = receive_until(socket, lambda m: m["type"] == "broadcast")
        assert update["message"]["taskId"] == bad and update["message"]["status"] == "failed"
        socket.send(json.dumps({"type": "unsubscribe", "channel": "tasks:all"}))
        receive_until(socket, lambda m: m["type"] == "unsubscribed")


def test_ping_and_errors(server):
    """GW-WS-04, GW-WS-13, GW-WS-14"""
    with open_socket(server) as socket:
        socket.recv(timeout=20)
        socket.send(json.dumps({"type": "ping", "id": "p1"}))
        assert receive_until(socket, lambda m: m["type"] == "pong")["id"] == "p1"
        socket.send("{not json")
        error = receive_until(socket, lambda m: m["type"] == "error")
        assert error["message"] == "Invalid JSON message"
        socket.send(json.dumps({"type": "subscribe", "channel": "nonsense"}))
        assert receive_until(socket, lambda m: m["type"] == "error")["code"] == "VALIDATION_ERROR"
        socket.send(b"\x00\x01")
        assert receive_until(socket, lambda m: m["type"] == "error")


def test_a_bad_token_opens_nothing(server):
    """GW-WS-01"""
    with pytest.raises(InvalidStatus) as refusal:
        connect(server.socket_url, additional_headers={"Authorization": "Bearer nonsense"})
    assert refusal.value.response.status_code == 401
    with connect(f"{server.socket_url}?token={server.token}") as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "connected"
    with connect(server.socket_url, subprotocols=["bearer", server.token]) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "connected"


@pytest.mark.parametrize("compression", ["deflate", None])
def test_echo_through_websockets(conformance, compression):
    with connect(
        f"ws://127.0.0.1:{conformance.port}/ws-echo", compression=compression, max_size=None
    ) as socket:
        for message in ("", "hällo", "x" * 100_000, b"", b"\x00\xff" * 50_000):
            socket.send(message)
            assert socket.recv(timeout=20) == message
        socket.send(["frag", "ment", "ed"])
        assert socket.recv(timeout=20) == "fragmented"
        assert socket.ping().wait(timeout=20)


def test_echo_through_websocket_client(conformance):
    socket = websocket.create_connection(f"ws://127.0.0.1:{conformance.port}/ws-echo", timeout=20)
    socket.send("hello")
    assert socket.recv() == "hello"
    socket.send_binary(b"\x01\x02")
    assert socket.recv() == b"\x01\x02"
    socket.ping("there?")
    socket.close(status=1000)
