"""Learning from outcomes through httpx: real attempts, what an agent shows of them, and the events of its cycles."""

import json
import subprocess

import pytest

from conftest import BIN, check_envelope, check_error, new_task, wait_for_end, wait_until


def spawn(http, *capabilities, **members):
    body = {"type": "coder", "capabilities": list(capabilities), **members}
    agent = check_envelope(http.post("/api/v1/agents", json=body), True)["data"]["agentId"]
    wait_until(lambda: show(http, agent)["coreStatus"] in ("ready", "idle", "busy"), "the agent is ready")
    return agent


def show(http, agent):
    return check_envelope(http.get(f"/api/v1/agents/{agent}"), True)["data"]


def attempt(http, capability, command, **members):
    task = new_task(
        context={"command": command}, requirements=[{"type": "capability", "name": capability}], **members)
    return wait_for_end(http, http.post("/api/v1/tasks", json=task).json()["data"]["taskId"])


def events(http, kind):
    found = check_envelope(http.get("/api/v1/events", params={"types": kind}), True)["data"]
    return [event["data"] for event in found["events"] if event["type"] == kind]


def test_a_cycle_applies_what_outcomes_say(make_server):
    server = make_server("--limits", "off", configuration={"learning": {"every": 3}})
    with server.client() as http:
        agent = spawn(http, "plain", {"name": "skill", "proficiency": 0.6, "learningRate": 0.5})
        shown = show(http, agent)
        assert shown["capabilities"] == ["plain", "skill"]
        assert shown["capabilityDetails"] == [
            {"name": "plain", "proficiency": 0.5, "learningRate": 0.1, "outcomes": 0},
            {"name": "skill", "proficiency": 0.6, "learningRate": 0.5, "outcomes": 0},
        ]
        for command in ["exit 0", "exit 0"]:
            assert attempt(http, "skill", command)["assignedAgentId"] == agent
        assert show(http, agent)["capabilityDetails"][1] == {
            "name": "skill", "proficiency": 0.6, "learningRate": 0.5, "outcomes": 2}
        attempt(http, "skill", "exit 0")
        # 0.6, 0.8, 0.9, 0.95
        shown = show(http, agent)
        assert shown["capabilityDetails"][1]["proficiency"] == 0.95 and shown["capabilityDetails"][1]["outcomes"] == 0
        assert shown["statistics"]["capabilityImprovements"] == 1
        for _ in range(3):
            attempt(http, "skill", "exit 1")
        # 0.475, 0.2375, 0.11875
        assert show(http, agent)["capabilityDetails"][1]["proficiency"] == 0.1
        assert show(http, agent)["statistics"]["capabilityImprovements"] == 1

        started, completed = events(http, "learning_cycle_started"), events(http, "learning_cycle_completed")
        assert [event["cycleId"] for event in started] == [event["cycleId"] for event in completed]
        assert len(set(event["cycleId"] for event in started)) == 2
        assert all(event["agentId"] == agent and event["targetCapability"] == "skill" for event in started + completed)
        assert all(event["learningType"] == "capability_improvement" for event in started)
        assert all(event["estimatedDurationMinutes"] >= 0 for event in started)
        assert all(event["durationMs"] >= 0 for event in completed)
        assert [event["improvements"] for event in completed] == [
            {"skill_proficiency": {"oldValue": 0.6, "newValue": 0.95, "improvement": 0.35}},
            {"skill_proficiency": {"oldValue": 0.95, "newValue": 0.1, "improvement": -0.85}},
        ]
        # A task that asks for more than is left waits, and says why; a new start lets it run.
        task = http.post("/api/v1/tasks", json=new_task(
            context={"command": "exit 0"},
            requirements=[{"type": "capability", "name": "skill", "minProficiency": 0.5}])).json()["data"]["taskId"]
        assert http.get(f"/api/v1/tasks/{task}").json()["data"]["coreStatus"] == "queued"
        change = {"capabilities": ["plain", {"name": "skill", "proficiency": 0.7}]}
        assert http.patch(f"/api/v1/agents/{agent}/config", json=change).status_code == 200
        assert wait_for_end(http, task)["status"] == "completed"
        # A capability that is only named stays as it is.
        assert http.patch(f"/api/v1/agents/{agent}/config", json={"capabilities": ["skill"]}).status_code == 200
        assert show(http, agent)["capabilityDetails"] == [
            {"name": "skill", "proficiency": 0.7, "learningRate": 0.1, "outcomes": 1}]


@pytest.mark.parametrize("capability, field", [
    ({"proficiency": 0.5}, "name"), ({"name": "a", "proficiency": 1.01}, "proficiency"),
    ({"name": "a", "learningRate": -0.1}, "learningRate"), ({"name": "a", "learningRate": "fast"}, "learningRate"),
    ({"name": ""}, "name"), (5, "0"), ("", "0"),
])
def test_bad_capabilities_are_refused_by_name(http, capability, field):
    reply = http.post("/api/v1/agents", json={"type": "coder", "capabilities": [capability]})
    error = check_error(reply, 400, "VALIDATION_ERROR")
    assert field in str(error)


def test_bad_lengths_of_cycles_are_refused_by_name(tmp_path):
    for value in (0, -1, 1.5, "often", 1_000_001):
        path = tmp_path / "maos.json"
        path.write_text(json.dumps({"learning": {"every": value}}))
        run = subprocess.run(
            [BIN / "maos-server", "--config", path, "--data", tmp_path / "data", "--listen", "127.0.0.1:0=gateway"],
            capture_output=True, text=True, timeout=20)
        assert run.returncode == 1 and "learning.every" in run.stderr and "1 to 1000000" in run.stderr, run.stderr


def test_work_that_waits_moves_to_an_agent_that_joins(make_server):
    """HIVE-EVT-17: one event with the figures, a second after the agent joined."""
    server = make_server("--limits", "off")
    with server.client() as http:
        first = spawn(http, "skill")
        body = new_task(
            context={"command": "sleep 30"}, requirements=[{"type": "capability", "name": "skill"}])
        tasks = [http.post("/api/v1/tasks", json=body).json()["data"]["taskId"] for _ in range(5)]
        wait_until(lambda: show(http, first)["currentTasks"] == tasks[:1], "the first one runs, and four wait")
        second = spawn(http, "skill", configuration={"maxConcurrentTasks": 2})
        assert sorted(show(http, second)["currentTasks"]) == sorted(tasks[1:3])
        wait_until(lambda: events(http, "coordination_event"), "it is told of")
        # 4 for 1 slot, then 2 for 3.
        assert events(http, "coordination_event") == [{
            "eventType": "SwarmOptimization", "module": "coordinator",
            "details": {
                "optimizationType": "load_balancing", "agentsRebalanced": 1, "efficiencyImprovement": 0.833333,
                "queuedTasksMoved": 2, "assignedTasksMoved": 0}}]
        for task in tasks:
            http.delete(f"/api/v1/tasks/{task}")
