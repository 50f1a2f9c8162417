"""Ceilings of executions through httpx: real processes that report what they cost, stopped for all of them together."""

import subprocess

import pytest

from conftest import BIN, check_error
from test_workflows import create, ended, execute, task

COSTLY = "while :; do echo '::maos cost=0.02'; sleep 0.1; done"


def names(error):
    return [issue["field"] for issue in error["details"]]


def test_what_tasks_use_is_added_up_without_a_ceiling(http):
    steps = [task("a", "echo '::maos cost=0.25 tokens=7'"), task("b", "echo '::maos cost=0.5'")]
    shown = ended(http, execute(http, create(http, steps)["workflowId"])["id"])
    assert shown["status"] == "completed" and "budget" not in shown and "remaining" not in shown
    assert shown["spent"]["cost"] == 0.75 and shown["spent"]["tokens"] == 7 and shown["spent"]["wallTimeMs"] >= 0


def test_a_ceiling_of_the_workflow_stops_all_tasks(http):
    made = create(http, [task("a", COSTLY), task("b", COSTLY)], dependencies=[], configuration={"budget": {"cost": 0.1}})
    begun = execute(http, made["workflowId"])
    assert begun["budget"] == {"cost": 0.1} and begun["remaining"]["cost"] <= 0.1
    shown = ended(http, begun["id"])
    assert shown["status"] == "failed" and shown["errorCode"] == "EXECUTION_BUDGET_EXCEEDED"
    assert "a cost of 0.1 is reached" in shown["error"] and shown["remaining"] == {"cost": 0}
    assert shown["spent"]["cost"] >= 0.1
    assert {step["status"] for step in shown["steps"]} == {"cancelled"}
    for step in shown["steps"]:
        assert http.get(f"/api/v1/tasks/{step['taskId']}").json()["data"]["status"] == "cancelled"


@pytest.mark.parametrize("budget, command, word", [
    ({"wallTimeMs": 500}, "sleep 60", "500 ms of wall time"),
    ({"cpuTimeMs": 300}, "while :; do :; done", "300 ms of processor time"),
])
def test_an_execution_has_ceilings_of_its_own(http, budget, command, word):
    made = create(http, [task("a", command)], configuration={"budget": {"wallTimeMs": 3_600_000}})
    shown = ended(http, execute(http, made["workflowId"], budget=budget)["id"], seconds=60)
    assert shown["errorCode"] == "EXECUTION_BUDGET_EXCEEDED" and word in shown["error"]
    assert shown["budget"] == {"wallTimeMs": 3_600_000} | budget


def test_steps_share_what_remains(http):
    """A step with a budget takes it up before it runs; another waits while nothing else is left."""
    made = create(
        http, [task("a", "sleep 0.5", budget={"cost": 0.9}), task("b", "sleep 0.5", budget={"cost": 0.9}), task("c")],
        dependencies=[])
    begun = execute(http, made["workflowId"], budget={"cost": 1})
    steps = {step["stepId"]: step for step in http.get(f"/api/v1/executions/{begun['id']}").json()["data"]["steps"]}
    assert steps["c"]["status"] == "pending", steps
    given = [http.get(f"/api/v1/tasks/{steps[name]['taskId']}").json()["data"]["budget"]["cost"] for name in "ab"]
    assert given == [0.9, 0.1]
    assert ended(http, begun["id"])["status"] == "completed"


def test_a_retry_needs_something_left(http):
    made = create(http, [task("a"), task("b", COSTLY)], configuration={"budget": {"cost": 0.05}})
    execution = execute(http, made["workflowId"])["id"]
    assert ended(http, execution)["status"] == "failed"
    refused = check_error(http.post(f"/api/v1/executions/{execution}/retry"), 409, "RESOURCE_CONFLICT")
    assert refused["details"]["reason"] == "budget_exhausted" and "0.05" in refused["message"]
    again = http.post(f"/api/v1/executions/{execution}/retry", json={"budget": {"cost": 0.3}})
    assert again.status_code == 200, again.text
    shown = ended(http, execution)
    assert shown["status"] == "failed" and "a cost of 0.3 is reached" in shown["error"] and shown["attempt"] == 2
    assert shown["spent"]["cost"] >= 0.3


def test_ceilings_that_mean_nothing_are_refused_by_name(http):
    workflow = create(http, [task("a")])["workflowId"]
    for budget, field in [
        ({}, "budget"), (5, "budget"), ({"cost": 0}, "budget.cost"), ({"cost": "1"}, "budget.cost"),
        ({"cost": 1e10}, "budget.cost"), ({"wallTimeMs": 0.5}, "budget.wallTimeMs"),
        ({"cpuTimeMs": -1}, "budget.cpuTimeMs"),
    ]:
        body = {"budget": budget}
        reply = http.post(f"/api/v1/workflows/{workflow}/execute", json=body)
        assert names(check_error(reply, 400, "VALIDATION_ERROR")) == [field]
        made = {"name": "x", "steps": [task("a")], "configuration": body}
        reply = http.post("/api/v1/workflows", json=made)
        assert names(check_error(reply, 400, "VALIDATION_ERROR")) == [f"configuration.{field}"]
        reply = http.post("/api/v1/workflows", json={"name": "x", "steps": [task("a", budget=budget)]})
        assert names(check_error(reply, 400, "VALIDATION_ERROR")) == [f"steps.0.configuration.{field}"]


def test_the_command_line_sets_and_shows_ceilings(server, http):
    def cli(*arguments):
        return subprocess.run(
            [BIN / "maos-cli", *arguments, "--url", server.url, "--token", server.token], capture_output=True,
            text=True, timeout=60)

    workflow = create(http, [task("a", COSTLY)])["workflowId"]
    begun = cli("workflow", "execute", workflow, "--max-cost", "0.06", "--max-wall-time", "1h")
    assert begun.returncode == 0, begun.stderr
    execution = begun.stdout.strip()
    assert ended(http, execution)["budget"] == {"cost": 0.06, "wallTimeMs": 3_600_000}
    shown = cli("execution", "get", execution).stdout
    assert "of 0.06" in shown and "wall time" in shown and "is reached" in shown, shown
    assert cli("execution", "retry", execution).returncode != 0
    assert cli("execution", "retry", execution, "--max-cost", "0.1").returncode == 0
    assert "of 0.1" in cli("execution", "get", execution).stdout
    bad = cli("workflow", "execute", workflow, "--max-cost", "lots")
    assert bad.returncode == 2 and "--max-cost" in bad.stderr
    ended(http, execution)
