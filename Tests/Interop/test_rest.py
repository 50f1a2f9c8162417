"""The REST API through httpx."""

import json
import time
import uuid

import httpx
import jwt
import pytest

from conftest import check_envelope, new_task, wait_for_end


def test_a_task_runs_to_its_end(http):
    """GW-REST-01, GW-REST-02"""
    reply = http.post("/api/v1/tasks", json=new_task(context={"command": "echo hello; echo '::maos progress=0.5 step=Half'"}))
    assert reply.status_code == 201
    task = check_envelope(reply, True)["data"]["taskId"]
    assert uuid.UUID(task).version == 4
    ended = wait_for_end(http, task)
    assert ended["status"] == "completed" and ended["progress"] == 1
    assert ended["result"] == {"exitCode": 0, "stdout": "hello\n::maos progress=0.5 step=Half\n"}
    output = http.get(f"/api/v1/tasks/{task}/output", headers={"Accept": "text/plain"})
    assert output.text.startswith("hello\n")


def test_lists_are_paged_in_both_places(http):
    """GW-REST-03, GW-REST-04, GW-STD-13"""
    for _ in range(3):
        wait_for_end(http, http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"])
    body = check_envelope(http.get("/api/v1/tasks", params={"status": "completed", "page": 1, "limit": 2}), True)
    assert len(body["data"]["tasks"]) == 2
    pagination = body["data"]["pagination"]
    assert pagination == body["metadata"]["pagination"]
    assert pagination["page"] == 1 and pagination["pageSize"] == 2 and pagination["hasNext"] is True
    assert pagination["totalPages"] == -(-pagination["totalItems"] // 2)
    created = [task["createdAt"] for task in body["data"]["tasks"]]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"type": "cook"}, "type"),  # GW-VAL-01
        ({"description": ""}, "description"),  # GW-VAL-02
        ({"description": "x" * 1001}, "description"),
        ({"requirements": None}, "requirements"),  # GW-VAL-03
        ({"constraints": None}, "constraints"),  # GW-VAL-04
        ({"priority": "urgent"}, "priority"),  # GW-VAL-05
        ({"deadline": "2030-01-01T00:00:00+02:00"}, "deadline"),  # GW-VAL-06
        ({"deadline": "2030-01-01"}, "deadline"),
        ({"context": []}, "context"),  # GW-VAL-07
        ({"timeout": 999}, "timeout"),
        ({"dependencies": ["no-such-task"]}, "dependencies"),
    ],
)
def test_bad_values_are_named(http, change, field):
    """GW-ERR-01, GW-VAL-15"""
    reply = http.post("/api/v1/tasks", json=new_task(**change))
    assert reply.status_code == 400
    error = check_envelope(reply, False)["error"]
    assert error["code"] == "VALIDATION_ERROR" and error["message"] == "Validation failed"
    assert error["details"][0]["path"][0] == field
    assert error["details"][0]["field"].startswith(field)


def test_malformed_json_is_refused(http):
    """GW-VAL-13"""
    for body in (b"{", b"[]", b'"x"', b"", b"\xff"):
        reply = http.post("/api/v1/tasks", content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 400, body
        check_envelope(reply, False)


def test_tokens(server):
    """GW-SEC-01, GW-SEC-06, GW-ERR-02, GW-ERR-03"""
    now = int(time.time())
    claims = {"sub": "ann", "email": "a@example.org", "roles": [], "permissions": ["tasks:list"], "iat": now, "exp": now + 60}
    good = jwt.encode(claims, server.key, algorithm="HS256")
    with server.client(good) as client:
        assert client.get("/api/v1/tasks").status_code == 200
        refused = client.post("/api/v1/tasks", json=new_task())
        assert refused.status_code == 403
        assert refused.json()["error"] == {
            "code": "AUTHORIZATION_ERROR",
            "message": "Missing permission: tasks:create",
            **{k: v for k, v in refused.json()["error"].items() if k == "details"},
        }
    bad = [
        jwt.encode(claims, "another key that is long enough for it", algorithm="HS256"),
        jwt.encode(claims, server.key, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "exp": now - 1}, server.key, algorithm="HS256"),
        jwt.encode({k: v for k, v in claims.items() if k != "exp"}, server.key, algorithm="HS256"),
        good[:-2],
        "garbage",
    ]
    for token in bad:
        with server.client(token) as client:
            reply = client.get("/api/v1/tasks")
            assert reply.status_code == 401
            assert check_envelope(reply, False)["error"]["code"] == "AUTHENTICATION_ERROR"
    assert httpx.get(server.url + "/api/v1/tasks").status_code == 401


def test_unknown_paths_and_methods(http):
    """GW-STD-05, GW-ERR-04"""
    assert http.get("/api/v1/nothing").status_code == 404
    assert http.get("/api/v1/tasks/nothing").status_code == 404
    refused = http.put("/api/v1/tasks", json={})
    assert refused.status_code == 405
    assert set(refused.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_cancelling_a_running_task_ends_its_process(http):
    """GW-REST-05"""
    task = http.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/sleep", "60"]})).json()["data"]["taskId"]
    while http.get(f"/api/v1/tasks/{task}").json()["data"]["status"] != "running":
        time.sleep(0.02)
    reply = http.delete(f"/api/v1/tasks/{task}")
    assert reply.status_code == 200 and reply.json()["data"]["status"] == "cancelled"
    assert http.delete(f"/api/v1/tasks/{task}").status_code == 200
    done = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, done)
    assert http.delete(f"/api/v1/tasks/{done}").status_code == 409


def test_an_idempotency_key_gives_the_first_answer_again(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = http.post("/api/v1/tasks", json=new_task(), headers=key)
    again = http.post("/api/v1/tasks", json=new_task(), headers=key)
    assert first.json()["data"]["taskId"] == again.json()["data"]["taskId"]
    assert http.post("/api/v1/tasks", json=new_task(description="other"), headers=key).status_code == 409


def test_agents(http):
    """GW-REST-12, GW-REST-13, GW-REST-14, GW-REST-15, GW-REST-16, GW-REST-17"""
    reply = http.post("/api/v1/agents", json={"type": "reviewer", "name": "rita", "capabilities": ["reading"]})
    assert reply.status_code == 201
    agent = reply.json()["data"]["agentId"]
    info = http.get(f"/api/v1/agents/{agent}").json()["data"]
    assert info["name"] == "rita" and info["capabilities"] == ["reading"]
    listed = http.get("/api/v1/agents", params={"type": "reviewer", "status": "active"}).json()["data"]
    assert agent in [a["id"] for a in listed["agents"]]
    assert listed["summary"]["total"] >= 1
    changed = http.patch(f"/api/v1/agents/{agent}/config", json={"capabilities": ["writing"]})
    assert changed.json()["data"]["capabilities"] == ["writing"]
    assert http.patch(f"/api/v1/agents/{agent}/config", json={}).status_code == 400
    assert http.get("/api/v1/agents", params={"status": "nonsense"}).status_code == 400
    assert http.delete(f"/api/v1/agents/{agent}", params={"graceful": "maybe"}).status_code == 400
    assert http.delete(f"/api/v1/agents/{agent}").status_code == 200


def test_events_stream_resumes_where_it_left(http):
    start = http.get("/api/v1/events", params={"limit": 1000}).json()["data"]["nextSequence"]
    task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, task)
    seen = []
    with http.stream("GET", "/api/v1/events", params={"since": start, "follow": "true"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line[5:]))
                if seen[-1]["type"] == "task_completed":
                    break
    sequences = [event["sequence"] for event in seen]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences))), "no gap"
    middle = sequences[len(sequences) // 2]
    with http.stream("GET", "/api/v1/events?follow=true", headers={"Last-Event-ID": str(middle)}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                assert json.loads(line[5:])["sequence"] == middle + 1
                break


def test_output_stream_ends_with_the_task(http):
    task = http.post(
        "/api/v1/tasks", json=new_task(context={"command": "for i in 1 2 3; do echo line $i; sleep 0.1; done"})
    ).json()["data"]["taskId"]
    text, ended = "", False
    with http.stream("GET", f"/api/v1/tasks/{task}/output", headers={"Accept": "text/event-stream"}) as stream:
        event = ""
        for line in stream.iter_lines():
            if line.startswith("event:"):
                event = line[6:].strip()
                ended = ended or event == "end"
            elif line.startswith("data:") and event != "end":
                text += json.loads(line[5:])["data"]
    assert ended and text == "line 1\nline 2\nline 3\n"


def test_health(http, server):
    """GW-REST-30, GW-REST-31"""
    body = http.get("/api/v1/health").json()["data"]
    assert body["overall"] == "healthy"
    assert all({"name", "status", "lastCheck", "dependencies"} <= set(part) for part in body["components"])
    assert httpx.get(server.url + "/livez").status_code == 200
    assert httpx.get(server.url + "/readyz").status_code == 200
    assert httpx.get(server.url + "/api/v1/health").status_code == 401


def test_foreign_origins_and_hosts_are_refused(http):
    for fields in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        assert http.get("/api/v1/tasks", headers=fields).status_code == 403
    assert http.get("/api/v1/tasks", headers={"Origin": "http://localhost:5173"}).status_code == 200
