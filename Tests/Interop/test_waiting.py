"""Why a task has not started: the waiting endpoint through httpx, and the limits it tells of."""

import pytest

from conftest import check_envelope, check_error, new_task, wait_for_end, wait_until


def create(http, **members):
    reply = http.post("/api/v1/tasks", json=new_task(**members))
    assert reply.status_code == 201
    return reply.json()["data"]["taskId"]


def reasons(http, task):
    data = check_envelope(http.get(f"/api/v1/tasks/{task}/waiting"), True)["data"]
    assert data["taskId"] == task
    assert all(reason["kind"] and reason["detail"] for reason in data["reasons"])
    return {reason["kind"]: reason for reason in data["reasons"]}


def status(http, task):
    return http.get(f"/api/v1/tasks/{task}").json()["data"]["coreStatus"]


def test_tasks_with_one_concurrency_key_run_one_at_a_time(http):
    context = {"command": "sleep 0.3", "concurrencyKey": "interop-one"}
    tasks = [create(http, context=context) for _ in range(3)]
    wait_until(lambda: status(http, tasks[0]) == "running", "the first runs")
    reason = reasons(http, tasks[1])["concurrency"]
    assert reason["concurrencyKey"] == "interop-one" and reason["limit"] == 1 and reason["taskIds"] == [tasks[0]]
    ended = [wait_for_end(http, task) for task in tasks]
    assert {task["status"] for task in ended} == {"completed"}
    spans = sorted((task["startedAt"], task["finishedAt"]) for task in ended)
    assert all(earlier[1] <= later[0] for earlier, later in zip(spans, spans[1:]))


def test_configured_limits_and_rates_are_kept_and_told(make_server):
    server = make_server(configuration={
        "concurrency": {"slow": {"rate": {"count": 1, "perSeconds": 2}}, "*": {"limit": 2}},
        "fairness": {"weights": {"big": 4}},
    })
    with server.client() as http:
        first, second = (create(http, context={"command": ["/bin/true"], "concurrencyKey": "slow"}) for _ in range(2))
        assert wait_for_end(http, first)["status"] == "completed"
        reason = reasons(http, second)["rate_limit"]
        assert (reason["count"], reason["perSeconds"]) == (1, 2) and reason["until"].endswith("Z")
        assert wait_for_end(http, second)["status"] == "completed"
        context = {"command": ["/bin/sleep", "60"], "concurrencyKey": "any"}
        tasks = [create(http, context=context) for _ in range(3)]
        wait_until(lambda: [status(http, task) for task in tasks] == ["running", "running", "queued"], "two run")
        told = check_envelope(http.get("/api/v1/limits"), True)["data"]
        keys = {key["concurrencyKey"]: key for key in told["concurrencyKeys"]}
        assert keys["slow"]["configured"] and keys["slow"]["rate"] == {"count": 1, "perSeconds": 2}
        assert "limit" not in keys["slow"] and "underWay" not in keys["slow"]
        assert not keys["any"]["configured"]
        assert (keys["any"]["limit"], keys["any"]["underWay"], keys["any"]["waiting"]) == (2, 2, 1)
        assert told["otherKeys"] == {"limit": 2}
        assert {"project": "big", "weight": 4, "waiting": 0} in told["projects"]
        check_error(http.get("/api/v1/limits?page=0"), 400, "VALIDATION_ERROR")
        assert http.delete(f"/api/v1/tasks/{tasks[0]}").status_code == 200
        wait_until(lambda: status(http, tasks[2]) == "running", "the third runs")
        for task in tasks[1:]:
            http.delete(f"/api/v1/tasks/{task}")


def test_dependencies_pause_missing_capability_and_end(http):
    first = create(http, context={"command": ["/bin/sleep", "60"]})
    second = create(http, dependencies=[first])
    assert reasons(http, second)["dependencies"]["taskIds"] == [first]
    assert http.post(f"/api/v1/tasks/{second}/pause").status_code == 200
    assert set(reasons(http, second)) == {"paused", "dependencies"}
    skilled = create(http, requirements=[{"type": "capability", "name": "interop-cobol"}])
    assert reasons(http, skilled)["no_capable_agent"]["capabilities"] == ["interop-cobol"]
    wait_until(lambda: status(http, first) == "running", "it runs")
    assert reasons(http, first) == {}
    for task in (first, skilled):
        assert http.delete(f"/api/v1/tasks/{task}").status_code == 200
    assert reasons(http, first) == {} and reasons(http, skilled) == {}
    check_error(http.get("/api/v1/tasks/nobody/waiting"), 404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("key", ["", "k" * 256, 7, ["k"]])
def test_a_bad_concurrency_key_is_refused(http, key):
    reply = http.post("/api/v1/tasks", json=new_task(context={"concurrencyKey": key}))
    error = check_error(reply, 400, "VALIDATION_ERROR")
    assert "concurrencyKey" in str(error)
