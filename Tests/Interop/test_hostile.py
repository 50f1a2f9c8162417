"""Clients in a hurry, clients that race each other, and tasks that use what they are given against the server."""

import concurrent.futures
import json
import os
import pathlib
import random
import signal
import threading
import time
import uuid

import httpx
import pytest

from conftest import check_envelope, check_error, new_task, wait_for_end, wait_until
from test_gateway_socket import Client, ended, run_task

NOBODY = [{"type": "capability", "name": "nobody-has-this"}]


def test_one_key_used_by_many_at_once_makes_one_task(server, http):
    key = {"Idempotency-Key": str(uuid.uuid4())}

    def create():
        with server.client() as client:
            return client.post("/api/v1/tasks", json=new_task(requirements=NOBODY), headers=key)

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        replies = [future.result() for future in [pool.submit(create) for _ in range(64)]]
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["data"]["taskId"] for reply in replies}) == 1
    assert len({json.dumps(reply.json()["data"]) for reply in replies}) == 1
    assert http.delete(f"/api/v1/tasks/{replies[0].json()['data']['taskId']}").status_code == 200


def test_a_cancellation_that_races_the_end_is_told_the_truth(server, http):
    """X-03: 200 says that it was cancelled, 409 that it was not; there is one end."""
    outcomes = set()
    for number in range(60):
        task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        time.sleep(random.random() * 0.02)
        reply = http.delete(f"/api/v1/tasks/{task}")
        last = wait_for_end(http, task)["status"]
        assert (reply.status_code, last) in ((200, "cancelled"), (409, "completed")), (reply.text, last)
        outcomes.add(last)
    assert outcomes, outcomes


def test_cancelled_by_many_at_once(server, http):
    task = http.post("/api/v1/tasks", json=new_task(context={"command": "trap '' TERM; while :; do sleep 0.1; done"})).json()["data"]["taskId"]
    wait_until(lambda: http.get(f"/api/v1/tasks/{task}").json()["data"]["coreStatus"] == "running", "the start")

    def cancel():
        with server.client() as client:
            return client.delete(f"/api/v1/tasks/{task}").status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = {future.result() for future in [pool.submit(cancel) for _ in range(16)]}
    assert statuses <= {200, 202} and wait_for_end(http, task)["status"] == "cancelled"
    types = [e["type"] for e in http.get("/api/v1/events?limit=1000&types=task_cancelled").json()["data"]["events"] if e["taskId"] == task]
    assert len(types) <= 1


def test_pauses_and_resumptions_in_a_hurry(server, http):
    task = http.post("/api/v1/tasks", json=new_task(context={"command": "for i in $(seq 1 100); do sleep 0.01; done; echo through"})).json()["data"]["taskId"]
    for number in range(60):
        reply = http.post(f"/api/v1/tasks/{task}/{random.choice(('pause', 'resume'))}")
        assert reply.status_code in (200, 409), reply.text
    if http.get(f"/api/v1/tasks/{task}").json()["data"]["coreStatus"] == "paused":
        assert http.post(f"/api/v1/tasks/{task}/resume").status_code == 200
    done = wait_for_end(http, task)
    assert done["status"] == "completed" and done["attempt"] == 1 and done["result"]["stdout"] == "through\n"


def test_head_of_everything(http):
    """HEAD is GET without a body, also where the body would not end."""
    task = run_task(http)
    for path in ("/api/v1/tasks", f"/api/v1/tasks/{task}", f"/api/v1/tasks/{task}/output?follow=true", "/api/v1/events?follow=true", "/readyz"):
        reply = http.head(path)
        assert reply.status_code == 200 and reply.content == b"", path
    assert http.head("/api/v1/nothing").status_code == 404


def test_a_child_listens_to_its_own_task_only(server, http):
    """GW-STD-02: one token, one identity, on REST and on the WebSocket."""
    held = http.post("/api/v1/tasks", json=new_task(context={"command": 'echo "$MAOS_TOKEN"; while [ ! -e go ]; do sleep 0.02; done', "workingDirectory": "."})).json()["data"]["taskId"]
    wait_until(lambda: len(http.get(f"/api/v1/tasks/{held}/output", headers={"Accept": "text/plain"}).text) > 20, "the token")
    token = http.get(f"/api/v1/tasks/{held}/output", headers={"Accept": "text/plain"}).text.strip()
    with Client(server, token) as child:
        child.subscribe("tasks:all")
        for channel in ("agents:all", "system:all", "metrics:all"):
            assert child.ask({"type": "subscribe", "channel": channel})["code"] == "AUTHORIZATION_ERROR"
        other = run_task(http)
        assert http.delete(f"/api/v1/tasks/{held}").status_code == 200
        seen = child.until(ended(held)) + child.quiet()
        assert {m["message"]["taskId"] for m in seen} == {held} and other not in json.dumps(seen)


def test_no_more_agents_than_allowed(make_server):
    """GW-REST-12: 503 when there is no room, which names the limit."""
    server = make_server(configuration={"agents": {"max": 2}, "limits": "off"})
    with server.client() as http:
        agents = [http.post("/api/v1/agents", json={"type": "coder"}) for _ in range(3)]
        assert [a.status_code for a in agents] == [201, 201, 503]
        error = check_error(agents[2], 503, "SERVICE_UNAVAILABLE")
        assert error["details"]["maximum"] == 2 and int(agents[2].headers["retry-after"]) >= 1
        first = agents[0].json()["data"]["agentId"]
        assert http.delete(f"/api/v1/agents/{first}").status_code == 200
        wait_until(lambda: http.post("/api/v1/agents", json={"type": "coder"}).status_code == 201, "room")


def test_limits_of_an_agents_resources(server, http):
    """A tree that takes more memory than its agent has is ended, and its task says why."""
    skill = str(uuid.uuid4())
    agent = http.post("/api/v1/agents", json={"type": "coder", "capabilities": [skill], "resources": {"cpu": 1, "memory": 64}}).json()["data"]["agentId"]
    wants = [{"type": "capability", "name": skill}]
    greedy = "python3 -c 'x = bytearray(300_000_000); import time; time.sleep(20)' & wait $!"
    task = http.post("/api/v1/tasks", json=new_task(requirements=wants, context={"command": greedy})).json()["data"]["taskId"]
    done = wait_for_end(http, task)
    assert done["status"] == "failed" and "memory" in done["error"].lower(), done
    task = http.post("/api/v1/tasks", json=new_task(requirements=wants)).json()["data"]["taskId"]
    assert wait_for_end(http, task)["status"] == "completed"
    assert http.delete(f"/api/v1/agents/{agent}").status_code == 200


def test_many_processes_at_once(make_server):
    """A tree of hundreds is cancelled as a whole."""
    server = make_server("--limits", "off")
    with server.client() as http:
        task = http.post("/api/v1/tasks", json=new_task(context={"command": "for i in $(seq 1 200); do setsid sleep 300 & done; echo up; sleep 300"})).json()["data"]["taskId"]
        wait_until(lambda: http.get(f"/api/v1/tasks/{task}/output", headers={"Accept": "text/plain"}).text == "up\n", "the tree")
        wait_until(lambda: len(processes_of(task)) >= 200, "two hundred processes")
        reply = http.delete(f"/api/v1/tasks/{task}")
        assert reply.status_code == 200, reply.text
        assert processes_of(task) == []


def processes_of(task):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"MAOS_TASK_ID={task}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def test_a_task_that_attacks_its_neighbours(server, http):
    """Ends of processes that are not its own are noticed; the server itself goes on."""
    victim = http.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/sleep", "300"]})).json()["data"]["taskId"]
    wait_until(lambda: processes_of(victim), "the victim")
    pid = processes_of(victim)[0]
    os.kill(pid, signal.SIGKILL)
    done = wait_for_end(http, victim)
    assert done["status"] == "failed" and done["error"] == "killed by SIGKILL"
    for command in (
        "rm -rf \"$(dirname $MAOS_RESULT_FILE)\"; echo gone", "chmod 0 \"$(dirname $MAOS_TASK_FILE)\"; echo gone",
        "rm $MAOS_TASK_FILE; mkdir -p $MAOS_TASK_FILE/a/b/c; echo gone", "kill -STOP $PPID; kill -CONT $PPID; echo gone",
        "for i in $(seq 1 300); do : > \"$(dirname $MAOS_RESULT_FILE)/$i\"; done; echo gone",
    ):
        done = run_and_wait(http, command)
        assert done["status"] == "completed" and done["result"]["stdout"] == "gone\n", (command, done)
    assert server.is_well()


def run_and_wait(http, command):
    return wait_for_end(http, http.post("/api/v1/tasks", json=new_task(context={"command": command})).json()["data"]["taskId"])


def test_secrets_stay_where_they_are(server, http):
    """X-12: values of environment variables are on no wire."""
    secret = f"s3cret-{uuid.uuid4()}"
    with Client(server) as listener:
        listener.subscribe("tasks:all")
        listener.subscribe("agents:all")
        listener.subscribe("system:all")
        agent = http.post("/api/v1/agents", json={"type": "documenter", "configuration": {"environment": {"A": secret}}})
        task = http.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/true"], "environment": {"A": secret}}))
        wait_for_end(http, task.json()["data"]["taskId"])
        seen = listener.until(ended(task.json()["data"]["taskId"]))
        texts = [agent.text, task.text, json.dumps(seen)]
        for path in (
            f"tasks/{task.json()['data']['taskId']}", f"agents/{agent.json()['data']['agentId']}", "tasks", "agents", "events?limit=1000",
        ):
            texts.append(http.get(f"/api/v1/{path}").text)
        assert all(secret not in text for text in texts)
        assert http.delete(f"/api/v1/agents/{agent.json()['data']['agentId']}").status_code == 200


def test_what_is_logged(make_server):
    """GW-ERR-14, GW-SEC-02: each refusal with request, method, path and subject; X-12: no token."""
    server = make_server("--limits", "off", "--log-level", "info", "--log-format", "json")
    token = server.sign("tasks:list", sub="lara")
    with server.client(token) as lara:
        check_error(lara.post("/api/v1/tasks?secret=query", json=new_task(), headers={"X-Request-ID": "r-403"}), 403, "AUTHORIZATION_ERROR")
        check_error(lara.get("/api/v1/nothing", headers={"X-Request-ID": "r-404"}), 404, "RESOURCE_NOT_FOUND")
    httpx.get(f"{server.url}/ws?token=garbage-token", headers={"X-Request-ID": "r-401"})
    text = ""

    def written():
        nonlocal text
        text = pathlib.Path(server.log.name).read_text()
        return "r-401" in text

    wait_until(written, "the log")
    lines = {}
    for line in text.splitlines():
        entry = json.loads(line)
        found = [part for part in ("r-401", "r-403", "r-404") if part in line]
        if found:
            lines[found[0]] = (entry, line)
    assert set(lines) == {"r-401", "r-403", "r-404"}, text
    for name, words in (("r-403", ("lara", "POST", "/api/v1/tasks", "403")), ("r-404", ("lara", "GET", "/api/v1/nothing", "404")), ("r-401", ("/ws", "401"))):
        for word in words:
            assert word in lines[name][1], lines[name]
    for secret in (token, server.token, "garbage-token", "secret=query", server.key.decode("latin-1")):
        assert secret not in text


def test_health_has_the_documents_components(http):
    """GW-STD-03, GW-REST-31"""
    health = check_envelope(http.get("/api/v1/health"), True)["data"]
    names = {component["name"] for component in health["components"]}
    assert {"orchestration", "execution", "communication", "storage"} <= names
    assert health["timestamp"].endswith("Z")


def test_the_configuration_is_read_again(make_server):
    """SIGHUP: what can be followed is, the rest waits for the next start, and a broken file changes nothing."""
    configuration = {"runners": {"*": {"command": ["/bin/echo", "old"], "environment": {"KEY": "s3cret"}}}, "limits": "off"}
    server = make_server("--log-level", "info", configuration=configuration)
    path = pathlib.Path(server.data) / "maos.json"

    def printed(http):
        body = new_task()
        del body["context"]
        return wait_for_end(http, http.post("/api/v1/tasks", json=body).json()["data"]["taskId"])["result"]["stdout"]

    with Client(server) as listener, server.client() as http:
        listener.subscribe("system:config_changed")
        assert printed(http) == "old\n"
        assert http.get("/api/v1/tasks", headers={"Host": "maos.test"}).status_code == 403
        configuration["runners"]["*"]["command"] = ["/bin/echo", "new"]
        configuration |= {"hosts": ["maos.test"], "limits": {"gateway": {"capacity": 50, "tokensPerInterval": 1}}, "agents": {"max": 7}}
        path.write_text(json.dumps(configuration))
        server.process.send_signal(signal.SIGHUP)
        event = listener.receive()["message"]["event"]
        assert event["type"] == "config_changed" and "s3cret" not in json.dumps(event)
        assert event["data"] == {"changes": ["limits", "runners", "hosts"], "atNextStart": ["agents.max"]}
        assert printed(http) == "new\n"
        assert http.get("/api/v1/tasks", headers={"Host": "maos.test"}).status_code == 200
        assert 429 in {http.get("/api/v1/tasks").status_code for _ in range(60)}
        path.write_text('{"limits": "of')
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "no valid JSON" in pathlib.Path(server.log.name).read_text(), "the mistake in the log")
        assert server.is_well() and http.get("/api/v1/tasks", headers={"Host": "maos.test"}).status_code in (200, 429)


def test_thresholds_of_alerts_are_read_again(make_server):
    """SIGHUP: a disk that was not worth an alert is, and is not any more, without a new start."""
    server = make_server(configuration={"alerts": {"diskPercent": 100}})
    path = pathlib.Path(server.data) / "maos.json"
    with Client(server) as listener:
        for type in ("config_changed", "resource_alert", "resource_alert_cleared"):
            listener.subscribe(f"system:{type}")

        def follow(percent, expected):
            path.write_text(json.dumps({"alerts": {"diskPercent": percent}}))
            server.process.send_signal(signal.SIGHUP)
            told = []
            while not told or told[-1]["type"] != expected:
                event = listener.receive()["message"]["event"]
                if event["data"].get("resource") in (None, "disk"):
                    told.append(event)
            assert [event["type"] for event in told] == ["config_changed", expected]
            assert told[0]["data"] == {"changes": ["alerts.diskPercent"], "atNextStart": []}
            assert told[1]["data"]["thresholdPercent"] == percent

        follow(1, "resource_alert")
        follow(100, "resource_alert_cleared")


def test_addresses_that_may_not_connect(make_server):
    server = make_server(configuration={"deny": ["127.0.0.0/8"], "limits": "off"})
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url + "/livez", timeout=10)
    assert server.process.poll() is None


def test_trust_in_loopback(make_server):
    """--auth local: no token is the administrator, a bad one is still bad, and browsers are not trusted by address."""
    server = make_server("--auth", "local", "--limits", "off")
    assert httpx.get(server.url + "/api/v1/tasks").status_code == 200
    check_error(httpx.get(server.url + "/api/v1/tasks", headers={"Authorization": "Bearer x"}), 401, "AUTHENTICATION_ERROR")
    check_error(httpx.get(server.url + "/api/v1/tasks", headers={"Origin": "https://evil.example"}), 403, "AUTHORIZATION_ERROR")
    check_error(httpx.get(server.url + "/api/v1/tasks", headers={"Host": "evil.example"}), 403, "AUTHORIZATION_ERROR")
    limited = server.sign("tasks:list")
    refused = httpx.post(server.url + "/api/v1/tasks", json=new_task(), headers={"Authorization": f"Bearer {limited}"})
    check_error(refused, 403, "AUTHORIZATION_ERROR")


def test_many_writers_and_readers(make_server):
    """Under load from all sides every answer is right, and the numbers add up."""
    server = make_server("--limits", "off")
    made, lock, stop = [], threading.Lock(), threading.Event()

    def write(seed):
        generator = random.Random(seed)
        with server.client() as client:
            for number in range(60):
                reply = client.post("/api/v1/tasks", json=new_task(requirements=NOBODY if number % 3 else [], priority=generator.choice(["low", "high"])))
                assert reply.status_code == 201
                with lock:
                    made.append(reply.json()["data"]["taskId"])
                if number % 5 == 0:
                    assert client.delete(f"/api/v1/tasks/{generator.choice(made)}").status_code in (200, 202, 409)

    def read(seed):
        generator = random.Random(seed)
        with server.client() as client:
            while not stop.is_set():
                if made:
                    task = generator.choice(made)
                    assert client.get(f"/api/v1/tasks/{task}").json()["data"]["id"] == task
                page = client.get("/api/v1/tasks?limit=20").json()["data"]
                assert len(page["tasks"]) <= 20 and page["pagination"]["totalItems"] >= len(page["tasks"])
                assert client.get("/api/v1/health").status_code == 200

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        readers = [pool.submit(read, seed) for seed in range(3)]
        for future in [pool.submit(write, seed) for seed in range(7)]:
            future.result()
        stop.set()
        for future in readers:
            future.result()
    with server.client() as client:
        def count(query):
            return client.get(f"/api/v1/tasks?{query}limit=1").json()["data"]["pagination"]["totalItems"]

        def by_status():
            return {status: count(f"status={status}&") for status in ("pending", "running", "completed", "failed", "cancelled")}

        def has_settled():
            # What moves between two questions is counted twice or not at all.
            before = by_status()
            return before["running"] == 0 and before == by_status()

        wait_until(has_settled, "the end of all that can end")
        totals = by_status()
        assert count("") == len(made) == sum(totals.values()) == 420 and totals["failed"] == 0, totals
