"""What clients can make the server hold is bounded, whoever they are."""

import json

from conftest import check_envelope, new_task, wait_until

LARGE = """{ printf '"'; head -c 1000000 /dev/zero | tr '\\0' x; printf '"'; } > $MAOS_RESULT_FILE"""


def test_unfinished_bodies_of_strangers(make_server):
    """Past some 256 MB large requests are refused with 503, small ones are served; when the others go there is room again."""
    server = make_server("--limits", "off")
    memory = server.status("VmRSS")
    head = b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
    connections, refused = [], 0
    for _ in range(40):
        connection = server.connect()
        try:
            connection.sendall(head + b" " * 9_900_000)
            connection.settimeout(0.01)
            answer = connection.recv(4096)
        except TimeoutError:
            answer = b""
        except OSError:
            answer = b"HTTP/1.1 503 "
        if answer:
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            refused += 1
        connections.append(connection)
    used = server.status("VmRSS") - memory
    assert used < 330 * 1024, f"{used} KB"
    assert refused > 0
    with server.client() as http:
        assert http.post("/api/v1/tasks", json=new_task()).status_code == 201
        for connection in connections:
            connection.close()
        wide = json.dumps(new_task(unknown="x" * 9_000_000)).encode()

        def is_taken():
            try:
                return http.post("/api/v1/tasks", content=wide, headers={"Content-Type": "application/json"}).status_code == 201
            except OSError:
                return False

        wait_until(is_taken, "room for large requests")


def test_large_results_do_not_pile_up(make_server):
    """Pages are cut by size, lists leave large parts out, and what is kept at hand is bounded."""
    server = make_server("--limits", "off")
    with server.client() as http:
        tasks = [http.post("/api/v1/tasks", json=new_task(context={"command": LARGE})).json()["data"]["taskId"] for _ in range(15)]
        wait_until(
            lambda: http.get("/api/v1/tasks?status=completed&limit=1").json()["data"]["pagination"]["totalItems"] == 15,
            "the end of all", 120)
        memory = server.status("VmRSS")
        listed = http.get("/api/v1/tasks?limit=1000")
        assert len(listed.json()["data"]["tasks"]) == 15 and len(listed.content) < 100_000
        seen, since, pages = [], 1, 0
        while True:
            page = check_envelope(http.get(f"/api/v1/events?limit=1000&since={since}"), True)["data"]
            if not page["events"]:
                break
            assert len(json.dumps(page)) < 8_000_000
            seen += page["events"]
            since, pages = page["nextSequence"], pages + 1
        assert pages >= 3 and [event["sequence"] for event in seen] == list(range(1, len(seen) + 1))
        assert {e["taskId"] for e in seen if e["type"] == "task_completed" and len(e["result"]) == 1_000_000} == set(tasks)
        assert len(http.get(f"/api/v1/tasks/{tasks[0]}").json()["data"]["result"]) == 1_000_000
        assert server.status("VmRSS") < 160 * 1024, server.status("VmRSS")
        assert server.status("VmRSS") - memory < 48 * 1024
