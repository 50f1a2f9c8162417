"""Who may do what: tokens, permissions, projects, and the token that a task's process is given."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from conftest import BIN, check_error, new_task, wait_for_end, wait_until

GHOST = str(uuid.uuid4())


def forged(header, claims, key=b"", digest=hashlib.sha256):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    text = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    signature = part(hmac.new(key, text, digest).digest()) if key else b""
    return (text + b"." + signature).decode()


def refused_tokens(server):
    now = int(time.time())
    claims = {
        "sub": "eve", "email": "", "roles": ["admin"], "permissions": ["admin:*"], "iat": now, "exp": now + 600,
    }
    good = jwt.encode(claims, server.key, algorithm="HS256")
    header, payload, signature = good.split(".")
    more = json.dumps({**claims, "sub": "root"}).encode()
    more = base64.urlsafe_b64encode(more).rstrip(b"=").decode()
    yield "no token at all", None
    yield "a blank", "."
    yield "no token", "nonsense"
    yield "two parts", f"{header}.{payload}"
    yield "four parts", good + ".more"
    yield "no signature", f"{header}.{payload}."
    yield "other claims under the signature", f"{header}.{more}.{signature}"
    yield "a cut signature", good[:-4]
    yield "a changed signature", good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    yield "bits behind the signature", good + "="
    yield "alg none", forged({"alg": "none", "typ": "JWT"}, claims)
    yield "alg None", forged({"alg": "None"}, claims)
    yield "alg nOnE with the right signature", forged({"alg": "nOnE"}, claims, server.key)
    yield "alg HS512", forged({"alg": "HS512"}, claims, server.key, hashlib.sha512)
    yield "alg HS384", forged({"alg": "HS384"}, claims, server.key, hashlib.sha384)
    yield "alg RS256 with the secret as its key", forged({"alg": "RS256"}, claims, server.key)
    yield "no alg", forged({"typ": "JWT"}, claims, server.key)
    yield "alg is a number", forged({"alg": 256}, claims, server.key)
    yield "critical extension", forged({"alg": "HS256", "crit": ["b64"], "b64": False}, claims, server.key)
    yield "another key", forged({"alg": "HS256"}, claims, b"another key that is long enough too")
    yield "an empty key", forged({"alg": "HS256"}, claims, b"\0")
    yield "expired", server.sign("admin:*", exp=now - 1)
    yield "expires now", server.sign("admin:*", exp=now)
    yield "without exp", server.sign("tasks:list", exp=None)
    yield "not yet", server.sign("admin:*", nbf=now + 60)
    yield "exp as text", server.sign("admin:*", exp=str(now + 60))
    yield "without sub", server.sign("admin:*", sub=None)
    yield "permissions as text", forged({"alg": "HS256"}, {**claims, "permissions": "admin:*"}, server.key)
    yield "claims are an array", forged({"alg": "HS256"}, [claims], server.key)
    yield "very long", good + "A" * 20_000


def test_bad_tokens_open_nothing(server):
    """GW-SEC-01, GW-SEC-06, GW-ERR-02"""
    for name, token in refused_tokens(server):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        reply = httpx.get(server.url + "/api/v1/tasks", headers=headers)
        error = check_error(reply, 401, "AUTHENTICATION_ERROR")
        expected = "Authentication required" if token is None else "Invalid or expired token"
        assert error["message"] == expected, name
        assert reply.headers["www-authenticate"].startswith("Bearer"), name
    good = server.sign("tasks:list")
    for value in (good, f"Basic {good}", f"Bearer  {good} x", f"Token {good}"):
        reply = httpx.get(server.url + "/api/v1/tasks", headers={"Authorization": value})
        assert check_error(reply, 401, "AUTHENTICATION_ERROR")
    assert httpx.get(server.url + "/api/v1/tasks", headers={"Authorization": f"bearer {good}"}).status_code == 200


def test_a_token_ends_while_it_is_used(server):
    """GW-SEC-01: what a token was found to be is not remembered beyond its end."""
    with server.client(server.sign("tasks:list", exp=int(time.time()) + 2)) as client:
        assert client.get("/api/v1/tasks").status_code == 200
        end = time.monotonic() + 10
        while client.get("/api/v1/tasks").status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        check_error(client.get("/api/v1/tasks"), 401, "AUTHENTICATION_ERROR")


# Every call, with the permission that it takes and what it answers where that is held.
CALLS = [
    ("tasks:create", "POST", "/api/v1/tasks", new_task(context={}), 201),
    ("tasks:list", "GET", "/api/v1/tasks", None, 200),
    ("tasks:read", "GET", f"/api/v1/tasks/{GHOST}", None, 404),
    ("tasks:read", "GET", f"/api/v1/tasks/{GHOST}/output", None, 404),
    ("tasks:read", "GET", f"/api/v1/tasks/{GHOST}/waiting", None, 404),
    ("tasks:cancel", "DELETE", f"/api/v1/tasks/{GHOST}", None, 404),
    ("tasks:update", "PATCH", f"/api/v1/tasks/{GHOST}/priority", {"priority": "low"}, 404),
    ("tasks:update", "POST", f"/api/v1/tasks/{GHOST}/retry", None, 404),
    ("tasks:update", "POST", f"/api/v1/tasks/{GHOST}/pause", None, 404),
    ("tasks:update", "POST", f"/api/v1/tasks/{GHOST}/resume", None, 404),
    ("agents:create", "POST", "/api/v1/agents", {"type": "coder"}, 201),
    ("agents:list", "GET", "/api/v1/agents", None, 200),
    ("agents:read", "GET", f"/api/v1/agents/{GHOST}", None, 404),
    ("agents:read", "GET", f"/api/v1/agents/{GHOST}/output", None, 404),
    ("agents:terminate", "DELETE", f"/api/v1/agents/{GHOST}", None, 404),
    ("agents:update", "PATCH", f"/api/v1/agents/{GHOST}/config", {"capabilities": []}, 404),
    ("agents:update", "POST", f"/api/v1/agents/{GHOST}/pause", None, 404),
    ("agents:update", "POST", f"/api/v1/agents/{GHOST}/resume", None, 404),
    ("system:read", "GET", "/api/v1/events", None, 200),
    ("system:read", "GET", "/api/v1/health", None, 200),
]
PERMISSIONS = sorted({call[0] for call in CALLS})


@pytest.mark.parametrize("held", PERMISSIONS + ["tasks:subscribe", "agents:command", "workflows:read", "metrics:read"])
def test_a_permission_admits_its_calls_and_no_others(server, held):
    """GW-SEC-03, GW-SEC-05, GW-ERR-03"""
    with server.client(server.sign(held)) as client:
        for needed, method, path, body, status in CALLS:
            reply = client.request(method, path, json=body)
            if needed == held:
                assert reply.status_code == status, (method, path, reply.text)
            else:
                error = check_error(reply, 403, "AUTHORIZATION_ERROR")
                assert error["message"] == f"Missing permission: {needed}", (method, path)


@pytest.mark.parametrize(
    "claims, admits",
    [
        ({"permissions": ["admin:*"]}, lambda p: True),
        ({"permissions": ["tasks:*"]}, lambda p: p.startswith("tasks:")),
        ({"permissions": ["agents:*"]}, lambda p: p.startswith("agents:")),
        ({"roles": ["admin"]}, lambda p: True),
        ({"roles": ["operator"]}, lambda p: True),
        ({"roles": ["viewer"]}, lambda p: p.split(":")[1] in ("read", "list")),
        ({"roles": ["nobody"]}, lambda p: False),
        ({"permissions": ["*", "tasks", "tasks:", ":read", "TASKS:READ", "tasks:read ", "task:*"]}, lambda p: False),
    ],
)
def test_sets_of_permissions(server, claims, admits):
    """GW-SEC-04, GW-SEC-05"""
    with server.client(server.sign(**{"permissions": [], **claims})) as client:
        for needed, method, path, body, _ in CALLS:
            assert (client.request(method, path, json=body).status_code != 403) == admits(needed), (method, path)


def test_every_call_asks_for_a_token(server):
    """GW-SEC-06"""
    for _, method, path, body, _ in CALLS:
        check_error(httpx.request(method, server.url + path, json=body), 401, "AUTHENTICATION_ERROR")
    check_error(httpx.get(server.url + "/api/v1/unknown"), 401, "AUTHENTICATION_ERROR")


def test_the_order_of_refusals(server):
    """GW-STD-01: 401 before 403 before 404 before 400"""
    broken = b'{"type": 7'
    headers = {"Content-Type": "application/json"}
    path = f"/api/v1/tasks/{GHOST}/priority"
    refused = httpx.patch(server.url + path, content=broken, headers={**headers, "Authorization": "Bearer x"})
    check_error(refused, 401, "AUTHENTICATION_ERROR")
    with server.client(server.sign("tasks:read")) as client:
        check_error(client.patch(path, content=broken, headers=headers), 403, "AUTHORIZATION_ERROR")
        check_error(client.post("/api/v1/tasks", content=broken, headers=headers), 403, "AUTHORIZATION_ERROR")
    with server.client(server.sign("tasks:update", "tasks:create", "agents:update", "tasks:read")) as client:
        check_error(client.patch(path, content=broken, headers=headers), 404, "RESOURCE_NOT_FOUND")
        agent = f"/api/v1/agents/{GHOST}/config"
        check_error(client.patch(agent, content=broken, headers=headers), 404, "RESOURCE_NOT_FOUND")
        check_error(client.get(f"/api/v1/tasks/{GHOST}/output?from=x"), 404, "RESOURCE_NOT_FOUND")
        check_error(client.post("/api/v1/tasks", content=broken, headers=headers), 400, "VALIDATION_ERROR")


def test_projects_hide_what_is_not_theirs(server):
    """A token's projects limit what it can see, list, change and depend on."""
    mine, other = f"p-{uuid.uuid4()}", f"q-{uuid.uuid4()}"
    rights = ["tasks:*", "system:read"]
    with (
        server.client(server.sign(*rights, sub="mia", projects=[mine])) as mia,
        server.client(server.sign(*rights, sub="otto", projects=[other])) as otto,
        server.client() as admin,
    ):
        reply = mia.post("/api/v1/tasks", json=new_task()).json()
        task = reply["data"]["taskId"]
        assert wait_for_end(mia, task)["project"] == mine
        # A project that is out of reach is not taken.
        sly = mia.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/true"], "project": other})).json()
        assert wait_for_end(mia, sly["data"]["taskId"])["project"] == mine
        for method, path, body in (
            ("GET", "", None), ("GET", "/output", None), ("GET", "/waiting", None), ("DELETE", "", None),
            ("PATCH", "/priority", {"priority": "low"}), ("POST", "/retry", None), ("POST", "/pause", None),
            ("POST", "/resume", None), ("GET", "/output?follow=true", None),
        ):
            reply = otto.request(method, f"/api/v1/tasks/{task}{path}", json=body)
            check_error(reply, 404, "RESOURCE_NOT_FOUND")
        assert task not in [t["id"] for t in otto.get("/api/v1/tasks?limit=1000").json()["data"]["tasks"]]
        assert otto.get("/api/v1/tasks").json()["metadata"]["pagination"]["totalItems"] == 0
        assert task in [t["id"] for t in mia.get("/api/v1/tasks").json()["data"]["tasks"]]
        assert task in [t["id"] for t in admin.get("/api/v1/tasks?limit=1000").json()["data"]["tasks"]]
        refused = otto.post("/api/v1/tasks", json=new_task(dependencies=[task]))
        check_error(refused, 400, "VALIDATION_ERROR")
        # The same text as for a task that never was: nothing tells that this one exists.
        missing = otto.post("/api/v1/tasks", json=new_task(dependencies=[GHOST]))
        assert refused.json()["error"]["details"][0]["message"] == missing.json()["error"]["details"][0]["message"]
        seen = otto.get("/api/v1/events?limit=1000").json()["data"]["events"]
        assert all(event.get("taskId") != task for event in seen)
        bystander = server.sign(*rights, projects=[mine, other])
        with server.client(bystander) as both:
            assert both.get(f"/api/v1/tasks/{task}").status_code == 200
            free = both.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
            # Of several projects none is taken unasked; what has none is nobody's but who reaches all.
            assert "project" not in admin.get(f"/api/v1/tasks/{free}").json()["data"]


def test_the_token_of_a_process_is_good_for_its_task_only(server, http):
    """MAOS_TOKEN and MAOS_URL inside a task."""
    other = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, other)
    mine = http.post(
        "/api/v1/tasks",
        json=new_task(context={"command": 'printf \'{"token":"%s","url":"%s"}\' "$MAOS_TOKEN" "$MAOS_URL" > "$MAOS_RESULT_FILE"'}),
    ).json()["data"]["taskId"]
    known = wait_for_end(http, mine)["result"]
    assert known["url"].endswith(f":{server.port}")
    claims = jwt.decode(known["token"], server.key, algorithms=["HS256"])
    assert claims["task"] == mine and claims["exp"] > time.time()
    with server.client(known["token"]) as child:
        assert child.get(f"/api/v1/tasks/{mine}").status_code == 200
        assert child.get(f"/api/v1/tasks/{mine}/output").status_code == 200
        assert [t["id"] for t in child.get("/api/v1/tasks").json()["data"]["tasks"]] == [mine]
        check_error(child.get(f"/api/v1/tasks/{other}"), 404, "RESOURCE_NOT_FOUND")
        check_error(child.get(f"/api/v1/tasks/{other}/output"), 404, "RESOURCE_NOT_FOUND")
        for needed, method, path, body, _ in CALLS:
            if needed not in ("tasks:read", "tasks:list"):
                check_error(child.request(method, path, json=body), 403, "AUTHORIZATION_ERROR")


def test_foreign_hosts_and_origins(server):
    """The browser's own fields: a name that was made to point here, and pages of others."""
    with server.client() as client:
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "0x7f000001"):
            check_error(client.get("/api/v1/tasks", headers={"Host": host}), 403, "AUTHORIZATION_ERROR")
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.8.8.8", "[::1]:7400", "localhost."):
            assert client.get("/api/v1/tasks", headers={"Host": host}).status_code == 200, host
        for origin in (
            "https://evil.example", "null", "http://localhost.evil.example", "http://evil.example:80", "file://",
            "http://127.0.0.1@evil.example", "http://evil.example#localhost", "localhost", "http://",
        ):
            check_error(client.get("/api/v1/tasks", headers={"Origin": origin}), 403, "AUTHORIZATION_ERROR")
        for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:1"):
            assert client.get("/api/v1/tasks", headers={"Origin": origin}).status_code == 200, origin


def test_configured_hosts_and_origins(make_server):
    server = make_server(configuration={"hosts": ["maos.test"], "origins": ["https://app.test:8443"], "limits": "off"})
    with server.client() as client:
        assert client.get("/api/v1/tasks", headers={"Host": "maos.test:7400"}).status_code == 200
        assert client.get("/api/v1/tasks", headers={"Origin": "https://app.test:8443"}).status_code == 200
        assert client.get("/api/v1/tasks", headers={"Origin": "https://app.test"}).status_code == 403
        assert client.get("/api/v1/tasks", headers={"Host": "app.test"}).status_code == 403


def test_a_replaced_token_ends_the_connections_that_it_began(make_server):
    """The administrator's token has no end of its own; GW-WS-01, OC-SEC-09."""
    server = make_server("--listen", "127.0.0.1:0=all", "--limits", "off")
    with server.client() as http:
        agent = http.post(
            "/api/v1/agents", json={"type": "coder", "name": "Tess", "configuration": {"terminal": True}}
        ).json()["data"]["agentId"]
        wait_until(lambda: http.get(f"/api/v1/agents/{agent}").json()["data"]["status"] in ("ready", "idle"), "ready")
    address = f"ws://127.0.0.1:{server.ports['all']}"
    paths = ["/ws", "/hive/ws", "/opencode/ws", f"/api/v1/agents/{agent}/terminal"]
    clients = {path: connect(f"{address}{path}?token={server.token}") for path in paths}
    other = connect(f"{address}/ws?token={server.sign('tasks:subscribe')}")
    rotated = subprocess.run([BIN / "maos-cli", "token", "rotate", "--data", server.data], capture_output=True)
    assert rotated.returncode == 0, rotated
    for path, client in clients.items():
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                client.recv(timeout=10)
        assert closed.value.rcvd.code == 1008, path
    assert json.loads(other.recv(timeout=10))["type"] == "connected"
    other.send(json.dumps({"type": "ping"}))
    assert json.loads(other.recv(timeout=10))["type"] == "pong"
    other.close()
