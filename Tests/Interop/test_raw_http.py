"""HTTP/1.1 byte by byte: what a proxy, an attacker or a broken client sends."""

import json
import re
import socket
import time

import httpx
import pytest

from conftest import new_task, wait_until


def request(server, method="GET", path="/api/v1/tasks?limit=1", fields=(), body=b"", host="127.0.0.1", token=None):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token or server.token}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_all(connection, seconds=20):
    """Everything until the other side ends, or b'' for what is cut."""
    connection.settimeout(seconds)
    data = b""
    try:
        while piece := connection.recv(65_536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def responses(data):
    """The status of each response in what was read; each has a length or is chunked."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status == 100:
            data = rest
            continue
        length = re.search(rb"(?im)^content-length: (\d+)", head)
        assert length, head
        size = int(length.group(1))
        assert len(rest) >= size, "a response is whole"
        found.append((status, rest[:size]))
        data = rest[size:]
    return found


def exchange(server, data, seconds=20):
    """Sends, says that nothing more comes, reads until the end."""
    with server.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return responses(read_all(connection, seconds))


def until_closed(server, data, seconds=20):
    """Sends and reads until the server ends the connection by itself."""
    with server.connect() as connection:
        connection.sendall(data)
        return responses(read_all(connection, seconds))


def test_pipelined_requests_are_answered_in_order(server):
    names = [f"r{n}" for n in range(200)]
    data = b""
    for number, name in enumerate(names):
        fields = [f"X-Request-ID: {name}"]
        if number % 5 == 0:
            body = json.dumps(new_task(description=name)).encode()
            fields += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
            data += request(server, "POST", "/api/v1/tasks", fields, body)
        elif number % 7 == 0:
            data += request(server, path="/api/v1/nothing", fields=fields)
        else:
            data += request(server, fields=fields)
    answers = exchange(server, data)
    assert [json.loads(body)["metadata"]["requestId"] for _, body in answers] == names
    assert [status for status, _ in answers] == [201 if n % 5 == 0 else 404 if n % 7 == 0 else 200 for n in range(200)]


def test_a_request_in_single_bytes_is_understood(server):
    body = json.dumps(new_task()).encode()
    data = request(server, "POST", "/api/v1/tasks", [f"Content-Length: {len(body)}"], body)
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        assert [status for status, _ in responses(read_all(connection))] == [201]


def test_chunked_bodies(server):
    body = json.dumps(new_task()).encode()
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:50], body[50:]))
    whole = chunks + b"0\r\nX-Trailer: 1\r\n\r\n"
    data = request(server, "POST", "/api/v1/tasks", ["Transfer-Encoding: chunked"], whole)
    assert [status for status, _ in exchange(server, data + request(server))] == [201, 200]


def test_expect_continue(server):
    body = json.dumps(new_task()).encode()
    data = request(server, "POST", "/api/v1/tasks", [f"Content-Length: {len(body)}", "Expect: 100-continue"])
    with server.connect() as connection:
        connection.sendall(data)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        assert [status for status, _ in responses(read_all(connection))] == [201]


def test_head_and_http_1_0(server):
    with server.connect() as connection:
        connection.sendall(request(server, "HEAD") + request(server, "HEAD", "/readyz"))
        connection.shutdown(socket.SHUT_WR)
        data = read_all(connection)
        assert data.count(b"HTTP/1.1 200 ") == 2 and data.endswith(b"\r\n\r\n") and b"{" not in data
    old = f"GET /readyz HTTP/1.0\r\n\r\n".encode()
    assert [status for status, _ in until_closed(server, old)] == [200]


CLOSE = ["Connection: close"]
SMUGGLING = {
    "length and chunked": (["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "chunked and length": (["Transfer-Encoding: chunked", "Content-Length: 4"], b"0\r\n\r\n"),
    "two lengths": (["Content-Length: 2", "Content-Length: 3"], b"{}"),
    "two lengths in one": (["Content-Length: 2, 3"], b"{}"),
    "signed length": (["Content-Length: +2"], b"{}"),
    "negative length": (["Content-Length: -2"], b"{}"),
    "hexadecimal length": (["Content-Length: 0x2"], b"{}"),
    "length with a blank inside": (["Content-Length: 1 2"], b"{}"),
    "empty length": (["Content-Length:"], b"{}"),
    "huge length": (["Content-Length: 99999999999999999999999"], b"{}"),
    "blank before the colon": (["Content-Length : 2"], b"{}"),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "unknown coding": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "chunked is not last": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "gzip, then chunked": (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    "vertical tab in the coding": (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
    "folded field": (["X-A: 1", " Transfer-Encoding: chunked"], b""),
    "field without a colon": (["nonsense"], b""),
    "blank in a name": (["X A: 1"], b""),
    "empty name": ([": 1"], b""),
    "NUL in a value": (["X-A: a\0b"], b""),
    "CR in a value": (["X-A: a\rb"], b""),
    "two hosts": (["Host: localhost"], b""),
    "bad chunk size": (["Transfer-Encoding: chunked"], b"g\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a blank": (["Transfer-Encoding: chunked"], b" 2\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a sign": (["Transfer-Encoding: chunked"], b"+2\r\n{}\r\n0\r\n\r\n"),
    "chunk size with 0x": (["Transfer-Encoding: chunked"], b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size that overflows": (["Transfer-Encoding: chunked"], b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "chunk without its end": (["Transfer-Encoding: chunked"], b"2\r\n{}0\r\n\r\n"),
    "bare LF after a chunk": (["Transfer-Encoding: chunked"], b"2\n{}\n0\n\n"),
    "bad trailer": (["Transfer-Encoding: chunked"], b"0\r\nno colon\r\n\r\n"),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(server, name):
    """What two readers could read differently is refused, and nothing behind it is read as a request."""
    fields, body = SMUGGLING[name]
    smuggled = request(server, "DELETE", "/api/v1/agents/smuggled", ["X-Request-ID: smuggled"])
    answers = until_closed(server, request(server, "POST", "/api/v1/tasks", fields, body) + smuggled)
    assert len(answers) == 1, answers
    status, text = answers[0]
    assert status in (400, 413, 501), (status, text)
    error = json.loads(text)["error"]
    assert error["code"] == "VALIDATION_ERROR" and b"smuggled" not in text


LINES = [
    b"GET /readyz\r\n", b"GET  /readyz HTTP/1.1\r\n", b"GET /readyz HTTP/1.1 \r\n", b" GET /readyz HTTP/1.1\r\n",
    b"GET readyz HTTP/1.1\r\n", b"GET /ready z HTTP/1.1\r\n", b"GET /readyz HTTP/2.0\r\n", b"GET /readyz HTTP/1.2.3\r\n",
    b"GET /readyz http/1.1\r\n", b"GET /readyz HTTP/11\r\n", b"G\x01T /readyz HTTP/1.1\r\n", b"GET /\x00 HTTP/1.1\r\n",
    b"GET /\xff HTTP/1.1\r\n", b"/readyz HTTP/1.1\r\n", b"GET\t/readyz\tHTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"SSH-2.0-OpenSSH_9.2\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 100, b"A" * 70_000,
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", b"get /readyz HTTP/1.1\r\n", b"GET http://evil.example/readyz HTTP/1.1\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\n", b"GET * HTTP/1.1\r\n",
]


@pytest.mark.parametrize("line", LINES, ids=lambda v: None)
def test_broken_request_lines(server, line):
    """Each is refused with an answer, or cut; none is served."""
    with server.connect() as connection:
        try:
            connection.sendall(line + b"Host: localhost\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass
        data = read_all(connection)
    if data:
        assert data.startswith(b"HTTP/1.1 "), data
        assert int(data.split()[1]) in (400, 403, 404, 405, 414, 431, 501, 505), data[:200]


def test_a_request_without_a_host_is_refused(server):
    assert [s for s, _ in until_closed(server, b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n")] == [400]


def test_connections_that_break_off_leave_nothing(make_server):
    """Abrupt ends at any moment, with resets: no descriptor stays, the server goes on."""
    server = make_server("--limits", "off")
    before = server.sockets()
    whole = request(server) + request(
        server, "POST", "/api/v1/tasks", ["Content-Length: 5000", "Expect: 100-continue"], b"{" * 100)
    stream = request(server, path="/api/v1/events?follow=true")
    for number in range(300):
        connection = server.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if number % 3 == 0:
            connection.sendall(whole[: 1 + number * 7 % len(whole)])
        elif number % 3 == 1:
            connection.sendall(stream)
            assert connection.recv(20)
        else:
            connection.sendall(request(server) * 50)
        connection.close()
    wait_until(lambda: server.sockets() <= before, f"{before} sockets, as before")
    assert server.is_well()


def test_a_thousand_idle_connections_cost_little(make_server):
    server = make_server("--limits", "off")
    before, memory = server.sockets(), server.status("VmRSS")
    connections = [server.connect() for _ in range(1000)]
    for connection in connections:
        connection.sendall(request(server, path="/readyz"))
    for connection in connections:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    used = server.status("VmRSS") - memory
    assert used < 16 * 1024, f"{used} KB for 1,000 idle connections"
    with server.client() as client:
        start = time.monotonic()
        assert client.get("/api/v1/tasks").status_code == 200
        assert time.monotonic() - start < 1
    for connection in connections:
        connection.close()
    wait_until(lambda: server.sockets() <= before, "the sockets are closed")


def silent(server):
    """Connects and says nothing; gives the seconds until that ends."""
    with server.connect() as connection:
        start = time.monotonic()
        read_all(connection, 40)
        return time.monotonic() - start


def dripping(server):
    """Sends a head that never ends; gives the seconds until that does."""
    with server.connect() as connection:
        start = time.monotonic()
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")
        connection.settimeout(0.5)
        data = b""
        while time.monotonic() - start < 40:
            try:
                data = connection.recv(4096)
                break
            except TimeoutError:
                connection.sendall(b"X-Drip: 1\r\n")
            except ConnectionResetError:
                break
        assert not data or data.startswith(b"HTTP/1.1 408 "), data
        return time.monotonic() - start


BACKGROUND = {"silent": silent, "dripping": dripping}


def test_slow_clients_are_cut(background):
    """A first byte and a head that do not come end the connection in time."""
    for name in BACKGROUND:
        assert 8 < background[name].result() < 20, "an unfinished head ends after 10 s"


def test_a_reader_that_does_not_read_is_bounded(make_server):
    """Answers for somebody who takes none: memory stays, others are served."""
    server = make_server("--limits", "off")
    with server.client() as client:
        for number in range(20):
            client.post("/api/v1/tasks", json=new_task(description="x" * 1000, requirements=[{"type": "capability", "name": "no"}]))
        memory = server.status("VmRSS")
        greedy = []
        for _ in range(10):
            connection = server.connect()
            connection.setblocking(False)
            pending = request(server, path="/api/v1/tasks?limit=1000") * 500
            try:
                connection.sendall(pending)
            except BlockingIOError:
                pass
            greedy.append(connection)
        for _ in range(50):
            assert client.get("/api/v1/tasks?limit=1").status_code == 200
        used = server.status("VmRSS") - memory
        assert used < 64 * 1024, f"{used} KB for 10 connections that do not read"
        for connection in greedy:
            connection.close()


def test_limits_of_the_document(make_server):
    """GW-SEC-07, GW-SEC-08, GW-ERR-06, GW-STD-01: a burst of 1,000, then 429 in both shapes, before 401."""
    server = make_server("--limits", "documented")
    answers = []
    with server.connect() as connection:
        start = time.monotonic()
        connection.sendall(request(server, path="/api/v1/tasks?limit=1") * 1400)
        connection.shutdown(socket.SHUT_WR)
        answers = responses(read_all(connection))
        took = time.monotonic() - start
    statuses = [status for status, _ in answers]
    assert len(statuses) == 1400 and set(statuses) <= {200, 429}
    refilled = int(took * 100) + 2
    assert 1000 <= statuses.count(200) <= 1000 + refilled, (statuses.count(200), took)
    assert statuses[:1000] == [200] * 1000
    if 429 in statuses:
        body = json.loads(answers[statuses.index(429)][1])
        assert body["error"]["code"] == "RATE_LIMIT_EXCEEDED" and body["error"]["message"] == "Too Many Requests"
        assert body["retryAfter"] >= 1 and isinstance(body["retryAfter"], int)
    # Somebody else has a bucket of their own.
    other = server.sign("tasks:list", sub="other")
    assert httpx.get(server.url + "/api/v1/tasks", headers={"Authorization": f"Bearer {other}"}).status_code == 200
    # Whoever has no good token is counted by address, and told of the limit first.
    bad = exchange(server, request(server, path="/api/v1/nothing", token="bad") * 1400)
    statuses = [status for status, _ in bad]
    assert statuses[0] == 401 and 429 in statuses and set(statuses) == {401, 429}
    refused = httpx.get(server.url + "/api/v1/tasks", headers={"Host": "evil.example"})
    if refused.status_code == 429:
        assert int(refused.headers["retry-after"]) == refused.json()["retryAfter"]
    # Probes are open and not counted.
    for _ in range(20):
        assert httpx.get(server.url + "/livez").status_code == 200
    wait_until(
        lambda: httpx.get(server.url + "/api/v1/tasks", headers={"Authorization": f"Bearer {server.token}"}).status_code == 200,
        "the bucket fills again")


def test_configured_limits(make_server):
    server = make_server(configuration={"limits": {"gateway": {"capacity": 5, "tokensPerInterval": 1}}})
    with server.client() as client:
        replies = [client.get("/api/v1/tasks") for _ in range(8)]
        assert [r.status_code for r in replies][:5] == [200] * 5
        last = replies[-1]
        assert last.status_code == 429
        assert last.json()["retryAfter"] == int(last.headers["retry-after"]) >= 1
