"""Thousands of requests and frames that are almost right; the server lives, answers, and keeps its memory.

The seed is in every message; MAOS_SEED repeats one.
"""

import json
import os
import random
import socket
import time

from conftest import new_task, wait_until
from test_gateway_socket import frame, handshake
from test_raw_http import read_all, request

SEED = int(os.environ.get("MAOS_SEED") or time.time_ns() % 1_000_000)
INTERESTING = [
    b"\x00", b"\xff", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"%", b"%00", b"%ff", b"?", b"&", b"=", b"/", b"//", b"..",
    b"\"", b"{", b"}", b"[", b"]", b",", b"-1", b"0", b"1e999", b"18446744073709551616", b"-9223372036854775808", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\\u0000", b"\\ud800", b"null", b"true", b"A" * 5000, b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"HTTP/1.0",
]


def mutated(random, data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(7):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
            case 1:
                data[at:at] = random.choice(INTERESTING)
            case 2:
                del data[at : at + random.choice((1, 1, 2, 10, 100))]
            case 3:
                data[at : at + random.randrange(20)] = random.randbytes(random.randrange(20))
            case 4:
                end = at + random.randrange(60)
                data[at:at] = data[at:end]
            case 5:
                del data[at:]
            case _:
                data[at : at + 4] = random.choice(INTERESTING)
    return bytes(data)


def samples(server, task, agent):
    # The task waits for an agent that there is not: no mutation of it is to run anything.
    body = json.dumps(new_task(requirements=[{"type": "capability", "name": "no"}], context={"command": ["/bin/true"], "environment": {"A": "b"}})).encode()
    spawn = b'{"type":"coder","name":"n","capabilities":["a"],"configuration":{"maxConcurrentTasks":2},"resources":{"cpu":1,"memory":2}}'
    json_type = "Content-Type: application/json"
    yield request(server, "POST", "/api/v1/tasks", [json_type, f"Content-Length: {len(body)}", "Idempotency-Key: k"], body)
    yield request(server, "POST", "/api/v1/tasks", [json_type, "Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    yield request(server, "POST", "/api/v1/agents", [json_type, f"Content-Length: {len(spawn)}"], spawn)
    yield request(server, path="/api/v1/tasks?status=running&page=1&limit=50&type=code&priority=high")
    yield request(server, path=f"/api/v1/tasks/{task}")
    yield request(server, path=f"/api/v1/tasks/{task}/output?from=1&limit=10", fields=["Accept: text/plain"])
    yield request(server, path=f"/api/v1/tasks/{task}/output?follow=true", fields=["Last-Event-ID: 1"])
    yield request(server, "PATCH", f"/api/v1/tasks/{task}/priority", [json_type, "Content-Length: 18"], b'{"priority":"low"}')
    yield request(server, "PATCH", f"/api/v1/agents/{agent}/config", [json_type, "Content-Length: 22"], b'{"capabilities":["x"]}')
    yield request(server, path="/api/v1/agents?type=coder&status=active")
    yield request(server, path="/api/v1/events?since=1&limit=10&types=task_created")
    yield request(server, path="/api/v1/events?follow=true", fields=["Last-Event-ID: 1", "Accept: text/event-stream"])
    yield request(server, "DELETE", f"/api/v1/agents/{agent}?graceful=true")
    yield request(server, path="/api/v1/health")
    yield (
        f"GET /ws?token={server.token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    ).encode()


def test_mutated_requests(make_server):
    server = make_server(configuration={"limits": "off", "pools": {"default": {"max": 0}}})
    generator = random.Random(SEED)
    with server.client() as client:
        task = client.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        agent = client.post("/api/v1/agents", json={"type": "documenter"}).json()["data"]["agentId"]
    originals = list(samples(server, task, agent))
    memory = server.status("VmRSS")
    statuses = {}
    for number in range(3000):
        data = b"".join(mutated(generator, generator.choice(originals)) for _ in range(generator.choice((1, 1, 2))))
        with server.connect() as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65_536)
            except (ConnectionResetError, BrokenPipeError, OSError):
                answer = b""
        if answer:
            assert answer.startswith(b"HTTP/1.1 "), (SEED, number, data, answer)
            status = int(answer.split(b" ", 2)[1])
            statuses[status] = statuses.get(status, 0) + 1
            assert status < 500 or status in (501, 505), (SEED, number, data, answer)
        if number % 500 == 499:
            assert server.is_well(), (SEED, number)
    assert {200, 400, 404} <= set(statuses), (SEED, statuses)
    wait_until(lambda: server.sockets() < 20, f"connections are closed (seed {SEED})")
    used = server.status("VmRSS") - memory
    assert used < 64 * 1024, (SEED, used)


def test_mutated_frames(make_server):
    server = make_server("--limits", "off")
    generator = random.Random(SEED)
    messages = [
        b'{"type":"subscribe","channel":"tasks:all","filter":{"status":"failed"},"delivery":"direct","id":"1"}',
        b'{"type":"unsubscribe","channel":"agents:all"}', b'{"type":"ping","id":"x"}', b'{"type":"pong","payload":{"a":[1,2,{"b":null}]}}',
        b'{"id":"1","type":"subscribe","payload":{"channel":"task:abc"}}', "ünïcödé 👩‍👩‍👧‍👦".encode(),
    ]
    memory = server.status("VmRSS")
    for number in range(400):
        with handshake(server) as raw:
            data = b""
            for _ in range(generator.randrange(1, 12)):
                message = generator.choice(messages)
                if generator.random() < 0.6:
                    message = mutated(generator, message)
                opcode = generator.choice((1, 1, 1, 1, 2, 9, 10, 8, 0, generator.randrange(16)))
                piece = frame(opcode, message[:120] if opcode > 7 else message, fin=generator.random() < 0.9)
                if generator.random() < 0.3:
                    piece = mutated(generator, piece)
                data += piece
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass
            read_all(raw)
        if number % 100 == 99:
            assert server.is_well(), (SEED, number)
    used = server.status("VmRSS") - memory
    assert used < 64 * 1024, (SEED, used)


def test_random_bytes(make_server):
    """Not even almost right."""
    server = make_server("--limits", "off")
    generator = random.Random(SEED)
    for number in range(500):
        with server.connect() as connection:
            try:
                connection.sendall(generator.randbytes(generator.choice((1, 10, 100, 5000))))
                connection.shutdown(socket.SHUT_WR)
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass
            answer = read_all(connection)
            assert not answer or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"), (SEED, number)
    assert server.is_well(), SEED
