"""What clients may get wrong: each mistake has its status, its code, and details that name field, value and expectation."""

import json
import uuid

import pytest

from conftest import check_envelope, check_error, new_task, wait_for_end

JSON = {"Content-Type": "application/json"}


def check_issue(reply, field, value=None, expected=True):
    """GW-VAL-15, GW-ERR-01, GW-ERR-12"""
    error = check_error(reply, 400, "VALIDATION_ERROR")
    assert error["message"] == "Validation failed"
    issues = {issue["field"]: issue for issue in error["details"]}
    assert field in issues, error
    issue = issues[field]
    assert issue["message"] and issue["code"] and isinstance(issue["path"], list)
    assert [str(step) for step in issue["path"]] == (field.split(".") if field else [])
    if expected:
        assert issue["expected"], issue
    if value is not None:
        assert issue["value"] == value, issue
    return issue


MISSING = object()
TASK_MISTAKES = [
    # GW-VAL-01
    ("type", MISSING, "type"), ("type", "cook", "type"), ("type", "Code", "type"), ("type", "", "type"),
    ("type", 1, "type"), ("type", None, "type"), ("type", ["code"], "type"),
    # GW-VAL-02
    ("description", MISSING, "description"), ("description", "", "description"),
    ("description", "x" * 1001, "description"), ("description", "ü" * 1001, "description"),
    ("description", 5, "description"), ("description", None, "description"), ("description", {}, "description"),
    # GW-VAL-03
    ("requirements", MISSING, "requirements"), ("requirements", None, "requirements"),
    ("requirements", "none", "requirements"), ("requirements", {}, "requirements"),
    ("requirements", [5], "requirements.0"), ("requirements", ["ok", None], "requirements.1"),
    ("requirements", [{}], "requirements.0"), ("requirements", [{"type": 1}], "requirements.0.type"),
    ("requirements", [{"type": "capability"}], "requirements.0.name"),
    ("requirements", [{"type": "capability", "name": ""}], "requirements.0.name"),
    ("requirements", [{"type": "capability", "name": "x", "minProficiency": 1.5}], "requirements.0.minProficiency"),
    ("requirements", [{"name": "x", "mandatory": "yes"}], "requirements.0.mandatory"),
    # GW-VAL-04
    ("constraints", None, "constraints"), ("constraints", "time", "constraints"), ("constraints", [1], "constraints.0"),
    ("constraints", [{"value": 1}], "constraints.0.type"),
    # GW-VAL-05
    ("priority", MISSING, "priority"), ("priority", "urgent", "priority"), ("priority", 1, "priority"),
    ("priority", "HIGH", "priority"),
    # GW-VAL-06
    ("deadline", None, "deadline"), ("deadline", 1893456000, "deadline"), ("deadline", "tomorrow", "deadline"),
    ("deadline", "2030-01-01", "deadline"), ("deadline", "2030-01-01T00:00:00+02:00", "deadline"),
    ("deadline", "2030-01-01T00:00:00", "deadline"), ("deadline", "2030-02-30T00:00:00Z", "deadline"),
    ("deadline", "2030-01-01T24:00:00Z", "deadline"), ("deadline", "2030-13-01T00:00:00Z", "deadline"),
    # GW-VAL-07
    ("context", None, "context"), ("context", [], "context"), ("context", "x", "context"),
    ("context", {"command": []}, "context.command"), ("context", {"command": ""}, "context.command"),
    ("context", {"command": 5}, "context.command"), ("context", {"command": ["a", 5]}, "context.command.1"),
    ("context", {"command": "a\0b"}, "context.command"), ("context", {"command": ["a\0b"]}, "context.command.0"),
    ("context", {"environment": []}, "context.environment"),
    ("context", {"environment": {"A": 1}}, "context.environment.A"),
    ("context", {"environment": {"A=B": "1"}}, None), ("context", {"environment": {"": "1"}}, None),
    ("context", {"environment": {"A": "x\0y"}}, "context.environment.A"),
    ("context", {"workingDirectory": 7}, "context.workingDirectory"),
    ("context", {"workingDirectory": ""}, "context.workingDirectory"),
    ("context", {"project": 7}, "context.project"),
    # Additions of the contract
    ("timeout", 999, "timeout"), ("timeout", 86_400_001, "timeout"), ("timeout", "1000", "timeout"),
    ("timeout", 1000.5, "timeout"), ("timeout", -1, "timeout"), ("timeout", None, "timeout"), ("timeout", 1e300, "timeout"),
    ("retryPolicy", 3, "retryPolicy"), ("retryPolicy", {"maxAttempts": 0}, "retryPolicy.maxAttempts"),
    ("retryPolicy", {"maxAttempts": 101}, "retryPolicy.maxAttempts"),
    ("retryPolicy", {"backoffMs": -1}, "retryPolicy.backoffMs"), ("retryPolicy", {"factor": 0.5}, "retryPolicy.factor"),
    ("retryPolicy", {"factor": 11}, "retryPolicy.factor"),
    ("retryPolicy", {"onInterruption": "maybe"}, "retryPolicy.onInterruption"),
    ("dependencies", "x", "dependencies"), ("dependencies", [1], "dependencies.0"),
    ("dependencies", [""], "dependencies.0"), ("dependencies", ["../etc"], "dependencies.0"),
    ("dependencies", [str(uuid.uuid4())], "dependencies.0"), ("dependencies", None, "dependencies"),
]


@pytest.mark.parametrize("member, value, field", TASK_MISTAKES, ids=lambda v: None)
def test_a_mistake_in_a_task_is_named(http, member, value, field):
    task = new_task(**{member: value})
    if value is MISSING:
        del task[member]
    reply = http.post("/api/v1/tasks", json=task)
    if field is None:
        check_error(reply, 400, "VALIDATION_ERROR")
        return
    issue = check_issue(reply, field)
    if value is MISSING or field.endswith(".name") and "value" not in issue:
        assert issue["code"] in ("required", "too_small"), issue
    elif isinstance(value, (str, int)) and value != "" and len(str(value)) < 50:
        assert issue["value"] == value, issue


AGENT_MISTAKES = [
    ({}, "type"), ({"type": "cook"}, "type"), ({"type": 1}, "type"), ({"type": None}, "type"),  # GW-VAL-08
    ({"name": 5}, "name"), ({"name": None}, "name"), ({"name": "n" * 201}, "name"),  # GW-VAL-09
    ({"capabilities": "x"}, "capabilities"), ({"capabilities": ["a", 1]}, "capabilities.1"),  # GW-VAL-10
    ({"capabilities": [""]}, "capabilities.0"), ({"capabilities": None}, "capabilities"),
    ({"configuration": 1}, "configuration"), ({"configuration": {"model": 1}}, "configuration.model"),  # GW-VAL-11
    ({"configuration": {"maxConcurrentTasks": 0}}, "configuration.maxConcurrentTasks"),
    ({"configuration": {"maxConcurrentTasks": 1.5}}, "configuration.maxConcurrentTasks"),
    ({"configuration": {"environment": {"A": None}}}, "configuration.environment.A"),
    ({"configuration": {"commandTimeout": 1}}, "configuration.commandTimeout"),
    ({"configuration": {"heartbeatInterval": 1}}, "configuration.heartbeatInterval"),
    ({"configuration": {"terminal": "yes"}}, "configuration.terminal"),
    ({"configuration": {"settings": []}}, "configuration.settings"),
    ({"configuration": {"workspace": "/etc"}}, "configuration.workspace"),
    ({"configuration": {"workspace": "../up"}}, "configuration.workspace"),
    ({"configuration": {"workspace": "a/../../b"}}, "configuration.workspace"),
    ({"configuration": {"workspace": "a\0b"}}, "configuration.workspace"),
    ({"resources": {}}, "resources.cpu"), ({"resources": {"cpu": 1}}, "resources.memory"),  # GW-VAL-12, GW-REST-23
    ({"resources": {"cpu": -1, "memory": 1}}, "resources.cpu"),
    ({"resources": {"cpu": "1", "memory": 1}}, "resources.cpu"),
    ({"resources": {"cpu": 1, "memory": 1, "network": {"ports": [0]}}}, "resources.network.ports.0"),
]


@pytest.mark.parametrize("change, field", AGENT_MISTAKES, ids=lambda v: None)
def test_a_mistake_in_an_agent_is_named(http, change, field):
    body = change if field == "type" else {"type": "coder", **change}
    check_issue(http.post("/api/v1/agents", json=body), field)


@pytest.mark.parametrize(
    "change, field",
    [
        ({}, ""), ({"name": "x"}, ""), ({"capabilities": 1}, "capabilities"), ({"resources": {"cpu": 1}}, "resources.memory"),
        ({"configuration": {"workspace": "/"}}, "configuration.workspace"),
        ({"configuration": {"maxConcurrentTasks": -1}}, "configuration.maxConcurrentTasks"),
    ],
)
def test_a_mistake_in_a_configuration_is_named(http, change, field):
    """GW-REST-17"""
    agent = http.post("/api/v1/agents", json={"type": "tester"}).json()["data"]["agentId"]
    check_issue(http.patch(f"/api/v1/agents/{agent}/config", json=change), field)
    assert http.delete(f"/api/v1/agents/{agent}").status_code == 200


def test_every_mistake_of_a_body_is_told_at_once(http):
    """GW-VAL-15"""
    error = check_error(http.post("/api/v1/tasks", json={"type": "x", "priority": 7, "timeout": 1}), 400, "VALIDATION_ERROR")
    assert {issue["field"] for issue in error["details"]} >= {"type", "priority", "timeout", "description", "requirements"}


def test_bounds_are_inclusive(http):
    """GW-VAL-02, GW-VAL-06: the ends of each range are accepted."""
    held = [{"type": "capability", "name": "nobody-has-this"}]
    for change in (
        {"description": "x"}, {"description": "x" * 1000}, {"description": "ü" * 1000}, {"description": "👩‍👩‍👧‍👦"},
        {"timeout": 1000}, {"timeout": 86_400_000}, {"timeout": 1000.0}, {"retryPolicy": {}},
        {"retryPolicy": {"maxAttempts": 1, "backoffMs": 0, "factor": 1}}, {"deadline": "2030-01-01T00:00:00Z"},
        {"deadline": "2030-01-01T00:00:00.123Z"}, {"constraints": []}, {"constraints": ["quick"]}, {"context": {}},
        {"dependencies": []}, {"unknown": {"is": ["ignored"]}}, {"context": {"more": None}},
    ):
        reply = http.post("/api/v1/tasks", json=new_task(**{"requirements": held, **change}))
        assert reply.status_code == 201, (change, reply.text)
        assert http.delete(f"/api/v1/tasks/{reply.json()['data']['taskId']}").status_code == 200


def test_unknown_members_are_dropped(http):
    """GW-VAL-14"""
    task = http.post("/api/v1/tasks", json=new_task(surprise=1)).json()["data"]["taskId"]
    assert "surprise" not in wait_for_end(http, task)


MALFORMED = [
    b"", b" ", b"{", b"}", b"[]", b"[{}]", b"null", b"true", b"7", b'"x"', b"{]", b"{'a':1}", b'{"a":1,}', b'{"a" 1}',
    b'{"a":1 "b":2}', b"{a:1}", b'{"a":01}', b'{"a":.5}', b'{"a":1.}', b'{"a":1e}', b'{"a":+1}', b'{"a":NaN}',
    b'{"a":Infinity}', b'{"a":0x10}', b'{"a":"\t"}', b'{"a":"\x00"}', b'{"a":"\\x41"}', b'{"a":"\\u12"}',
    b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}', b'\xef\xbb\xbf{}', b"{}{}",
    b"{} x", b"// c\n{}", b"{/**/}", b'{"a":tru}', b'{"a":nul', b'{"a":"b', b'{"a":[1,2', b"\xff\xfe{\x00}\x00",
    b"[" * 100_000, b'{"a":' * 50_000, b"{" + b'"k":1,' * 10, b"\x00" * 64,
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda v: None)
def test_malformed_bodies_are_refused(http, body):
    """GW-VAL-13"""
    for path in ("/api/v1/tasks", "/api/v1/agents"):
        error = check_error(http.post(path, content=body, headers=JSON), 400, "VALIDATION_ERROR")
        assert error["details"], error


def test_depth_and_duplicates(http):
    """Documented of JSON: of duplicate keys the last wins; too deep is refused."""
    held = [{"type": "capability", "name": "nobody-has-this"}]
    text = json.dumps(new_task(requirements=held))[:-1]
    twice = text + ',"description":"first","description":"second"}'
    reply = http.post("/api/v1/tasks", content=twice.encode(), headers=JSON)
    task = reply.json()["data"]["taskId"]
    assert http.get(f"/api/v1/tasks/{task}").json()["data"]["description"] == "second"
    http.delete(f"/api/v1/tasks/{task}")
    deep = text + ',"context":{"x":' + "[" * 5000 + "]" * 5000 + "}}"
    check_error(http.post("/api/v1/tasks", content=deep.encode(), headers=JSON), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "type, status",
    [
        ("application/json", 201), ("application/json; charset=utf-8", 201), ("APPLICATION/JSON", 201), (None, 201),
        ("text/plain", 415), ("application/xml", 415), ("application/jsonx", 415), ("multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 415), ("nonsense", 415),
    ],
)
def test_content_types(http, type, status):
    """GW-STD-07"""
    body = json.dumps(new_task()).encode()
    reply = http.post("/api/v1/tasks", content=body, headers={"Content-Type": type} if type else {})
    if status == 201:
        assert reply.status_code == 201, reply.text
    else:
        error = check_error(reply, 415, "VALIDATION_ERROR")
        assert error["details"]["field"] == "Content-Type" and error["details"]["value"] == type


@pytest.mark.parametrize(
    "query, field",
    [
        ("status=sleeping", "status"), ("status=", "status"), ("status=RUNNING", "status"), ("page=0", "page"),
        ("page=-1", "page"), ("page=x", "page"), ("page=", "page"), ("page=1.5", "page"), ("page=99999999999999999999", "page"),
        ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=ten", "limit"), ("limit=%31%30%30%31", "limit"),
        ("type=cook", "type"), ("priority=urgent", "priority"),
    ],
)
def test_bad_queries_of_the_task_list(http, query, field):
    """GW-REST-03, GW-STD-13"""
    check_issue(http.get(f"/api/v1/tasks?{query}"), field)


@pytest.mark.parametrize(
    "path, field",
    [
        ("agents?type=cook", "type"), ("agents?status=sleeping", "status"), ("agents?page=0", "page"),
        ("agents?limit=0", "limit"), ("events?since=-1", "since"), ("events?since=x", "since"), ("events?limit=0", "limit"),
        ("events?limit=1001", "limit"), ("events?types=", "types"), ("events?types=a b", "types"),
        ("events?types=a,,b", "types"), ("events?follow=yes", "follow"), ("events?follow=", "follow"),
    ],
)
def test_bad_queries_elsewhere(http, path, field):
    """GW-REST-14"""
    check_issue(http.get(f"/api/v1/{path}"), field)


def test_bad_queries_of_output_and_termination(http):
    """GW-REST-16"""
    task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, task)
    for query, field in (
        ("from=x", "from"), ("from=-1", "from"), ("limit=0", "limit"), ("limit=10001", "limit"), ("follow=1", "follow"),
    ):
        check_issue(http.get(f"/api/v1/tasks/{task}/output?{query}"), field)
    for value in ("x", "-1", "1.5", "99999999999999999999999"):
        reply = http.get(f"/api/v1/tasks/{task}/output?follow=true", headers={"Last-Event-ID": value})
        check_issue(reply, "Last-Event-ID", value)
    agent = http.post("/api/v1/agents", json={"type": "tester"}).json()["data"]["agentId"]
    for value in ("yes", "1", "TRUE", ""):
        check_issue(http.delete(f"/api/v1/agents/{agent}?graceful={value}"), "graceful")
    assert http.delete(f"/api/v1/agents/{agent}?graceful=false").status_code == 200


def test_escapes_in_the_path(http):
    task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, task)
    escaped = "".join(f"%{ord(c):02X}" for c in task)
    assert http.get(f"/api/v1/tasks/{escaped}").status_code == 200
    for path in (f"/api/v1/tasks/..%2Ftasks%2F{task}", "/api/v1/tasks/%00", "/api/v1/tasks/%ff", "/api/v1/tasks/%zz",
                 "/api/v1/tasks/%", f"/api/v1/tasks/{task}%20", f"/api/v1/tasks/{task}/output/more", "/api/v1/tasks/" + "x" * 5000):
        assert http.get(path).status_code in (400, 404), path


def test_unknown_identifiers(http):
    """GW-ERR-04, GW-REST-02, GW-REST-13: details name the resource and the id."""
    for kind, calls in (
        ("task", [("GET", ""), ("DELETE", ""), ("GET", "/output"), ("GET", "/waiting"), ("POST", "/retry"), ("POST", "/pause"), ("POST", "/resume")]),
        ("agent", [("GET", ""), ("DELETE", ""), ("GET", "/output"), ("POST", "/pause"), ("POST", "/resume")]),
    ):
        for name in (str(uuid.uuid4()), "nothing", "a" * 100, "0"):
            for method, suffix in calls:
                error = check_error(http.request(method, f"/api/v1/{kind}s/{name}{suffix}"), 404, "RESOURCE_NOT_FOUND")
                assert error["details"] == {"resource": kind, "id": name}, (method, suffix)


KNOWN_PATHS = {
    "/api/v1/tasks": {"GET", "POST"}, "/api/v1/tasks/x": {"GET", "DELETE"}, "/api/v1/tasks/x/priority": {"PATCH"},
    "/api/v1/tasks/x/retry": {"POST"}, "/api/v1/tasks/x/pause": {"POST"}, "/api/v1/tasks/x/resume": {"POST"},
    "/api/v1/tasks/x/output": {"GET"}, "/api/v1/tasks/x/waiting": {"GET"}, "/api/v1/agents": {"GET", "POST"},
    "/api/v1/agents/x": {"GET", "DELETE"}, "/api/v1/agents/x/config": {"PATCH"}, "/api/v1/agents/x/output": {"GET"},
    "/api/v1/agents/x/pause": {"POST"}, "/api/v1/agents/x/resume": {"POST"}, "/api/v1/events": {"GET"},
    "/api/v1/health": {"GET"}, "/livez": {"GET"}, "/readyz": {"GET"}, "/health": {"GET"},
    "/api/v1/workflows": {"GET", "POST"}, "/api/v1/workflows/x": {"GET", "PUT", "DELETE"},
    "/api/v1/workflows/x/execute": {"POST"}, "/api/v1/workflows/x/executions": {"GET"},
    "/api/v1/workflows/x/executions/y": {"GET", "DELETE"}, "/api/v1/workflows/x/executions/y/pause": {"POST"},
    "/api/v1/workflows/x/executions/y/resume": {"POST"}, "/api/v1/workflows/x/executions/y/cancel": {"POST"},
    "/api/v1/workflows/x/executions/y/retry": {"POST"}, "/api/v1/executions": {"GET"},
    "/api/v1/executions/x": {"GET", "DELETE"}, "/api/v1/executions/x/pause": {"POST"},
    "/api/v1/executions/x/resume": {"POST"}, "/api/v1/executions/x/cancel": {"POST"},
    "/api/v1/executions/x/retry": {"POST"}, "/api/v1/approvals": {"GET"}, "/api/v1/approvals/x": {"GET", "POST"},
    "/api/v1/schedules": {"GET", "POST"}, "/api/v1/schedules/preview": {"POST"},
    "/api/v1/schedules/x": {"GET", "PUT", "DELETE"}, "/api/v1/schedules/x/preview": {"GET"},
    "/api/v1/schedules/x/pause": {"POST"}, "/api/v1/schedules/x/resume": {"POST"}, "/api/v1/schedules/x/run": {"POST"},
    "/api/v1/agent-pools": {"GET", "POST"}, "/api/v1/agent-pools/x": {"GET", "DELETE"},
    "/api/v1/agent-pools/x/scale": {"POST"}, "/api/v1/agent-pools/x/autoscaling": {"PUT"},
    "/api/v1/resources/allocate": {"POST"}, "/api/v1/resources/usage": {"GET"}, "/api/v1/resources/quotas": {"GET", "PUT"},
    "/api/v1/resources/allocations": {"GET"}, "/api/v1/resources/allocations/x": {"GET", "DELETE"},
    "/api/v1/budgets/projects": {"GET"}, "/api/v1/budgets/projects/x": {"DELETE", "GET", "PUT"},
    "/api/v1/dead-letters": {"GET"}, "/api/v1/dead-letters/requeue": {"POST"}, "/api/v1/dead-letters/discard": {"POST"},
    "/api/v1/dead-letters/x": {"GET", "DELETE"}, "/api/v1/dead-letters/x/requeue": {"POST"},
    "/api/v1/metrics": {"GET"}, "/api/v1/metrics/performance/journal": {"GET"}, "/metrics": {"GET"},
}


def test_other_methods_are_refused_with_those_allowed(http):
    """GW-STD-05"""
    for path, allowed in KNOWN_PATHS.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} - allowed:
            reply = http.request(method, path)
            check_error(reply, 405, "VALIDATION_ERROR")
            told = set(reply.headers["allow"].replace(" ", "").split(","))
            assert told - {"HEAD"} == allowed, (method, path, told)
        assert "GET" not in allowed or http.head(path).content == b""


def test_unknown_paths(http):
    """GW-STD-08, GW-ERR-04"""
    for path in (
        "/api", "/api/", "/api/v1", "/api/v1/", "/api/v3/tasks", "/api/v1/Tasks", "/api/v1/tasks/", "/api/v1//tasks",
        "/api/v1/tasks/x/nothing", "/api/v1/tasks/x/", "/api/v1/health/more", "/", "/etc/passwd", "/api/v1/../tasks",
        "/api/v1/flows", "/api/v1/workflows/", "/api/v1/workflows/x/nothing", "/api/v1/workflows/x/executions/y/more",
        "/api/v1/executions/x/execute", "/api/v1/approvals/x/y", "/api/v1/schedules/x/y/z", "/api/v1/agent-pools/x/size",
        "/api/v1/resources", "/api/v1/resources/x", "/api/v1/budgets", "/api/v1/budgets/teams", "/api/v1/dead-letters/x/y",
        "/api/v1/metrics/performance", "/metrics/x", "/wsx", "/livez/x", "/favicon.ico",
    ):
        check_error(http.get(path), 404, "RESOURCE_NOT_FOUND")


def test_the_second_version_is_the_first(http):
    """GW-STD-08"""
    body = check_envelope(http.get("/api/v2/tasks"), True)
    assert body["metadata"]["version"] == "v2"
    assert check_envelope(http.get("/api/v1/tasks"), True)["metadata"]["version"] == "v1"


def test_request_identifiers(http):
    """GW-STD-15"""
    for given in ("abc-123", "x" * 128, "with blanks inside"):
        body = http.get("/api/v1/tasks", headers={"X-Request-ID": given}).json()
        assert body["metadata"]["requestId"] == given
    for given in ("x" * 129, "tab\there"):
        body = check_envelope(http.get("/api/v1/tasks", headers={"X-Request-ID": given}), True)
        assert uuid.UUID(body["metadata"]["requestId"]).version == 4
    assert http.get("/api/v1/nothing", headers={"X-Request-ID": "mine"}).json()["metadata"]["requestId"] == "mine"
    ids = {http.get("/api/v1/tasks").json()["metadata"]["requestId"] for _ in range(50)}
    assert len(ids) == 50


def test_wrong_states(http):
    """GW-ERR-05, GW-REST-05, GW-REST-06: an operation at the wrong time."""
    done = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, done)
    waits = http.post("/api/v1/tasks", json=new_task(requirements=[{"type": "capability", "name": "nobody-has-this"}])).json()["data"]["taskId"]
    for method, path, body in (
        ("DELETE", done, None), ("PATCH", f"{done}/priority", {"priority": "low"}), ("POST", f"{done}/retry", None),
        ("POST", f"{done}/pause", None), ("POST", f"{done}/resume", None), ("POST", f"{waits}/retry", None),
        ("POST", f"{waits}/resume", None),
    ):
        error = check_error(http.request(method, f"/api/v1/tasks/{path}", json=body), 409, "RESOURCE_CONFLICT")
        assert error["details"]["reason"], (method, path)
    assert http.delete(f"/api/v1/tasks/{waits}").json()["data"]["status"] == "cancelled"
    agent = http.post("/api/v1/agents", json={"type": "documenter"}).json()["data"]["agentId"]
    check_error(http.post(f"/api/v1/agents/{agent}/resume"), 409, "RESOURCE_CONFLICT")
    assert http.delete(f"/api/v1/agents/{agent}").status_code == 200


def test_idempotency_keys(http):
    """The same key and body give the first answer again, another body is a conflict, another subject is another key."""
    for bad in ("x" * 256, "tab\tinside"):
        reply = http.post("/api/v1/tasks", json=new_task(), headers={"Idempotency-Key": bad})
        check_issue(reply, "Idempotency-Key")
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = http.post("/api/v1/tasks", json=new_task(), headers=key)
    wait_for_end(http, first.json()["data"]["taskId"])
    spaced = json.dumps(new_task(), indent=4).encode()
    again = http.post("/api/v1/tasks", content=spaced, headers={**key, **JSON})
    assert (again.status_code, again.json()["data"]) == (201, first.json()["data"])
    error = check_error(http.post("/api/v1/tasks", json=new_task(timeout=5000), headers=key), 409, "RESOURCE_CONFLICT")
    assert error["details"]["reason"] == "idempotency_key_reused"


def test_bodies_of_ten_megabytes(http, server):
    """413 past the limit, whether it is announced or found; the server goes on."""
    limit = 10 * 1024 * 1024
    head = json.dumps(new_task())[:-1].encode() + b',"unknown":"'
    fits = head + b"x" * (limit - len(head) - 2) + b'"}'
    assert len(fits) == limit
    assert http.post("/api/v1/tasks", content=fits, headers=JSON).status_code == 201

    def pieces(size):
        for _ in range(size // 65_536):
            yield b" " * 65_536
        yield b" " * (size % 65_536)

    for content in (fits + b" ", pieces(limit + 1)):
        try:
            reply = http.post("/api/v1/tasks", content=content, headers=JSON)
        except Exception as error:  # a client that does not read while it writes sees its connection end
            assert "Write" in type(error).__name__ or "Remote" in type(error).__name__ or "Read" in type(error).__name__, error
            continue
        check_error(reply, 413, "VALIDATION_ERROR")
    assert server.is_well()


def test_headers_of_64_kilobytes(http):
    """431"""
    assert http.get("/api/v1/tasks", headers={"X-Filler": "x" * 60_000}).status_code == 200
    check_error(http.get("/api/v1/tasks", headers={"X-Filler": "x" * 66_000}), 431, "VALIDATION_ERROR")
    many = {f"X-{n}": "1" for n in range(300)}
    assert http.get("/api/v1/tasks", headers=many).status_code == 431
    assert http.get("/api/v1/tasks?" + "x" * 60_000).status_code == 200


def test_many_dependencies(http):
    """A thousand are allowed; each once, none of itself."""
    task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
    wait_for_end(http, task)
    check_issue(http.post("/api/v1/tasks", json=new_task(dependencies=[task, task])), "dependencies.1", task)
    check_issue(http.post("/api/v1/tasks", json=new_task(dependencies=[task] * 1001)), "dependencies")
