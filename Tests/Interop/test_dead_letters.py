"""Dead letters through httpx: tasks that used up their attempts."""

import pytest

from conftest import check_envelope, new_task, wait_for_end


def fail(http, **members):
    """A task whose attempts are used up."""
    task = http.post("/api/v1/tasks", json=new_task(context={"command": "exit 7"}, **members)).json()["data"]["taskId"]
    assert wait_for_end(http, task)["deadLetter"] is True
    return task


def listed(http, **query):
    body = check_envelope(http.get("/api/v1/dead-letters", params={"limit": 1000, **query}), True)
    assert body["data"]["pagination"] == body["metadata"]["pagination"]
    return [letter["taskId"] for letter in body["data"]["deadLetters"]]


def test_a_dead_letter_is_listed_with_its_causes(http):
    """GW-STD-13"""
    task = fail(http, priority="high", retryPolicy={"maxAttempts": 3, "backoffMs": 0})
    assert task in listed(http, type="code", priority="high") and task not in listed(http, priority="low")
    letter = check_envelope(http.get(f"/api/v1/dead-letters/{task}"), True)["data"]
    assert letter["attempts"] == letter["failures"] == letter["maxAttempts"] == 3
    assert [cause["attempt"] for cause in letter["causes"]] == [1, 2, 3]
    assert {cause["error"] for cause in letter["causes"]} == {"exited with code 7"}
    events = http.get("/api/v1/events", params={"types": "task_failed", "limit": 1000}).json()["data"]["events"]
    assert [event["deadLetter"] for event in events if event["taskId"] == task] == [True]


def test_requeued_as_it_is_it_fails_again(http):
    task = fail(http)
    reply = http.post(f"/api/v1/dead-letters/{task}/requeue")
    assert reply.status_code == 200
    assert check_envelope(reply, True)["data"]["taskId"] == task
    ended = wait_for_end(http, task)
    assert ended["attempt"] == 2 and ended["deadLetter"] is True


def test_requeued_with_a_better_command_it_completes(http):
    task = fail(http, description="print it")
    reply = http.post(f"/api/v1/dead-letters/{task}/requeue", json={"context": {"command": "echo better"}})
    assert reply.status_code == 201
    data = check_envelope(reply, True)["data"]
    assert data["requeuedFrom"] == task
    ended = wait_for_end(http, data["taskId"])
    assert ended["status"] == "completed" and ended["description"] == "print it"
    old = http.get(f"/api/v1/tasks/{task}").json()["data"]
    assert old["requeuedAs"] == data["taskId"] and "deadLetter" not in old
    assert task not in listed(http)


def test_discarded_and_settled_in_bulk(http):
    tasks = [fail(http, type="deploy") for _ in range(3)]
    assert http.delete(f"/api/v1/dead-letters/{tasks[0]}").json()["data"]["discarded"] is True
    body = check_envelope(
        http.post("/api/v1/dead-letters/requeue", json={"taskIds": [tasks[0], tasks[1]]}), True)["data"]
    assert (body["requeued"], body["failed"]) == (1, 1)
    assert [outcome["outcome"] for outcome in body["outcomes"]] == ["failed", "requeued"]
    assert body["outcomes"][0]["error"]["code"] == "RESOURCE_CONFLICT"
    wait_for_end(http, tasks[1])
    body = check_envelope(
        http.post("/api/v1/dead-letters/discard", json={"filter": {"type": "deploy"}}), True)["data"]
    assert body["discarded"] >= 2 and body["remaining"] == 0
    assert listed(http, type="deploy") == []


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("requeue", {}, "taskIds"),
        ("discard", {"taskIds": [], "limit": 5}, "taskIds"),
        ("discard", {"filter": {"priority": "now"}}, "filter.priority"),
        ("requeue", {"filter": {}, "limit": 1001}, "limit"),
    ],
)
def test_bad_selections_are_refused_by_field(http, path, body, field):
    """GW-VAL-01"""
    reply = http.post(f"/api/v1/dead-letters/{path}", json=body)
    assert reply.status_code == 400
    assert [issue["field"] for issue in check_envelope(reply, False)["error"]["details"]] == [field]
