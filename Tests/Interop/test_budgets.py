"""Budgets through httpx: real processes that report what they cost, and use processor time."""

import uuid

import pytest

from conftest import check_envelope, new_task, wait_for_end


def create(http, command, **members):
    project = members.pop("project", None)
    context = {"command": command, **({"project": project} if project else {})}
    return check_envelope(http.post("/api/v1/tasks", json=new_task(context=context, **members)), True)["data"]["taskId"]


def account(http, project):
    return check_envelope(http.get(f"/api/v1/budgets/projects/{project}"), True)["data"]


def test_what_a_task_reports_is_shown(http):
    """Each line adds; what is no amount is ignored."""
    task = create(http, "echo '::maos cost=0.0123 tokens=456'; echo '::maos cost=0.1 step=On'; echo '::maos cost=-5 tokens=x'")
    ended = wait_for_end(http, task)
    assert ended["status"] == "completed"
    assert ended["usage"]["cost"] == 0.1123 and ended["usage"]["tokens"] == 456
    assert ended["usage"]["wallTimeMs"] >= 0 and ended["currentStep"] == "On"


def test_processor_time_counts_the_whole_tree(http):
    burn = "for i in 1 2; do (awk 'BEGIN { while (i < 2e7) i++ }') & done; wait"
    ended = wait_for_end(http, create(http, burn), seconds=60)
    assert ended["status"] == "completed" and ended["usage"]["cpuTimeMs"] > 300


def test_a_ceiling_of_cost_stops_the_run(http):
    """The failure says which ceiling; there is no second attempt."""
    task = create(
        http, "while :; do echo '::maos cost=0.02'; sleep 0.2; done", budget={"cost": 0.05},
        retryPolicy={"maxAttempts": 3, "backoffMs": 0})
    ended = wait_for_end(http, task, seconds=60)
    assert ended["status"] == "failed" and ended["errorCode"] == "TASK_BUDGET_EXCEEDED" and ended["attempt"] == 1
    assert "0.05" in ended["error"] and ended["budget"] == {"cost": 0.05} and ended["usage"]["cost"] >= 0.05
    again = http.post(f"/api/v1/tasks/{task}/retry")
    assert again.status_code == 409
    assert check_envelope(again, False)["error"]["details"]["reason"] == "budget_exhausted"


def test_ceilings_of_time_stop_the_run(http):
    slow = create(http, "sleep 60", budget={"wallTimeMs": 700})
    busy = create(http, "while :; do :; done", budget={"cpuTimeMs": 500})
    for task, word in [(slow, "wall time"), (busy, "processor time")]:
        ended = wait_for_end(http, task, seconds=60)
        assert ended["errorCode"] == "TASK_BUDGET_EXCEEDED" and word in ended["error"], ended


def test_a_project_has_an_account(http):
    project = f"p-{uuid.uuid4().hex[:8]}"
    reply = http.put(f"/api/v1/budgets/projects/{project}", json={"cost": 0.3})
    assert reply.status_code == 200
    wait_for_end(http, create(http, "echo '::maos cost=0.1 tokens=7'", project=project))
    data = account(http, project)
    assert data["settled"]["cost"] == 0.1 and data["settled"]["tokens"] == 7
    assert data["remaining"] == {"cost": 0.2} and data["attempts"] == 1
    ended = wait_for_end(http, create(http, "echo '::maos cost=0.2'; sleep 60", project=project), seconds=60)
    assert ended["errorCode"] == "TASK_BUDGET_EXCEEDED" and project in ended["error"]
    assert account(http, project)["remaining"] == {"cost": 0}
    listed = http.get("/api/v1/budgets/projects", params={"limit": 1000}).json()["data"]["budgets"]
    assert project in [budget["project"] for budget in listed]


@pytest.mark.parametrize(
    "body, field", [({"cost": 0}, "cost"), ({"wallTimeMs": "1"}, "wallTimeMs"), ({"countsAnew": 1}, "countsAnew")])
def test_bad_budgets_are_refused_by_field(http, body, field):
    """GW-VAL-01"""
    reply = http.put("/api/v1/budgets/projects/apollo", json=body)
    assert reply.status_code == 400
    assert [issue["field"] for issue in check_envelope(reply, False)["error"]["details"]] == [field]
