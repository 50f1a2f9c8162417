"""Schedules: the REST interface through httpx, and the times beside Python's own zones."""

import random
import subprocess
import time
import zoneinfo
from datetime import datetime, timedelta, timezone

import pytest

from conftest import BIN, check_envelope, wait_for_end

BASE = {"task": {"type": "code", "context": {"command": "echo ran"}}}


def iso(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def soon(seconds):
    return iso(datetime.now(timezone.utc) + timedelta(seconds=seconds))


def create(http, **members):
    reply = http.post("/api/v1/schedules", json=BASE | members)
    assert reply.status_code == 201, reply.text
    return check_envelope(reply, True)["data"]


def preview(http, count=10, after=None, **members):
    params = {"count": count} | ({"after": after} if after else {})
    reply = http.post("/api/v1/schedules/preview", params=params, json=members)
    assert reply.status_code == 200, reply.text
    return check_envelope(reply, True)["data"]["runs"]


def test_a_schedule_runs_its_task(http):
    """OC-REQ-29"""
    made = create(http, name="once", at=soon(1))
    assert made["status"] == "active" and made["nextRun"] and made["overlap"] == "allow"
    deadline = time.monotonic() + 20
    while (shown := http.get(f"/api/v1/schedules/{made['id']}").json()["data"])["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ended = wait_for_end(http, shown["lastTaskId"])
    assert ended["status"] == "completed" and ended["result"]["stdout"] == "ran\n"
    assert shown["runs"] == 1
    late = datetime.fromisoformat(ended["createdAt"]) - datetime.fromisoformat(made["nextRun"])
    assert timedelta(0) <= late < timedelta(seconds=1)
    events = http.get("/api/v1/events", params={"types": "schedule_fired", "limit": 1000}).json()["data"]["events"]
    assert any(shown["lastTaskId"] in str(event) for event in events)


def test_the_life_of_a_schedule(http):
    made = create(http, name="nightly", cron="30 2 * * *", timeZone="Europe/Berlin", overlap="queue", maxRuns=5)
    path = f"/api/v1/schedules/{made['id']}"
    assert http.post(f"{path}/pause").json()["data"]["status"] == "paused"
    assert "nextRun" not in http.get(path).json()["data"]
    assert http.post(f"{path}/resume").json()["data"]["status"] == "active"
    assert http.post(f"{path}/resume").status_code == 409
    run = http.post(f"{path}/run").json()["data"]
    assert run["runs"] == 1 and wait_for_end(http, run["lastTaskId"])["status"] == "completed"
    changed = http.put(path, json=BASE | {"name": "monthly", "recurrence": {
        "interval": "monthly", "dayOfMonth": "last", "time": "23:30"}, "timeZone": "America/New_York"})
    assert changed.status_code == 200, changed.text
    data = check_envelope(changed, True)["data"]
    assert data["name"] == "monthly" and data["runs"] == 1 and data["recurrence"]["dayOfMonth"] == "last"
    assert len(http.get(f"{path}/preview", params={"count": 3}).json()["data"]["runs"]) == 3
    listed = http.get("/api/v1/schedules", params={"status": "active"}).json()["data"]["schedules"]
    assert made["id"] in [one["id"] for one in listed]
    assert http.delete(path).json()["data"] == {"scheduleId": made["id"], "deleted": True}
    assert http.delete(path).status_code == 409
    assert http.get(path).json()["data"]["status"] == "deleted"
    assert http.get("/api/v1/schedules/no-such").status_code == 404
    assert http.post("/api/v1/schedules/no-such/run").status_code == 404
    assert http.put("/api/v1/schedules/no-such", json={}).status_code == 404


@pytest.mark.parametrize(
    "change, field",
    [
        ({}, ""),
        ({"cron": "* * * * *", "at": "2030-01-01T00:00:00Z"}, ""),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "* * * *"}, "cron"),
        ({"cron": 5}, "cron"),
        ({"at": "2001-01-01T00:00:00Z"}, "at"),
        ({"at": "2090-03-26T02:30", "timeZone": "Europe/Berlin", "gap": "skip"}, "at"),
        ({"at": "tomorrow"}, "at"),
        ({"cron": "* * * * *", "timeZone": "Mars/Olympus"}, "timeZone"),
        ({"cron": "* * * * *", "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"cron": "* * * * *", "endTime": "2001-01-01T00:00:00Z"}, "endTime"),
        ({"cron": "* * * * *", "maxRuns": 0}, "maxRuns"),
        ({"cron": "* * * * *", "jitter": -1}, "jitter"),
        ({"cron": "* * * * *", "overlap": "pile"}, "overlap"),
        ({"cron": "* * * * *", "catchUp": "some"}, "catchUp"),
        ({"cron": "* * * * *", "task": {"type": "cook"}}, "task.type"),
        ({"cron": "* * * * *", "task": {"timeout": 1}}, "task.timeout"),
        ({"cron": "* * * * *", "task": {"dependencies": ["a"]}}, "task.dependencies"),
        ({"cron": "* * * * *", "task": {"deadline": "2030-01-01T00:00:00Z"}}, "task.deadline"),
        ({"cron": "* * * * *", "task": None}, "task"),
        ({"recurrence": {"interval": "hourly", "time": "09:00"}}, "recurrence.interval"),
        ({"recurrence": {"interval": "daily"}}, "recurrence.time"),
        ({"recurrence": {"interval": "daily", "time": "25:00"}}, "recurrence.time"),
        ({"recurrence": {"interval": "daily", "time": "09:00", "every": 0}}, "recurrence.every"),
        ({"recurrence": {"interval": "daily", "time": "09:00", "days": ["monday"]}}, "recurrence.days"),
        ({"recurrence": {"interval": "weekly", "time": "09:00"}}, "recurrence.days"),
        ({"recurrence": {"interval": "weekly", "time": "09:00", "days": ["someday"]}}, "recurrence.days.0"),
        ({"recurrence": {"interval": "monthly", "time": "09:00"}}, "recurrence.dayOfMonth"),
        ({"recurrence": {"interval": "monthly", "time": "09:00", "dayOfMonth": 32}}, "recurrence.dayOfMonth"),
    ],
)
def test_bad_schedules_are_named(http, change, field):
    reply = http.post("/api/v1/schedules", json=BASE | change)
    assert reply.status_code == 400, reply.text
    error = check_envelope(reply, False)["error"]
    assert error["code"] == "VALIDATION_ERROR" and error["details"][0]["field"] == field, error
    assert error["details"][0]["expected"]


def test_permissions(server):
    with server.client(server.sign("tasks:read")) as reader:
        assert reader.post("/api/v1/schedules", json=BASE | {"cron": "* * * * *"}).status_code == 403
        assert reader.get("/api/v1/schedules").status_code == 403
    with server.client(server.sign("tasks:create", "tasks:read", "tasks:list", projects=["red"])) as red, \
            server.client(server.sign("tasks:*", projects=["blue"])) as blue:
        made = red.post("/api/v1/schedules", json=BASE | {"cron": "0 0 1 1 *"}).json()["data"]
        assert made["project"] == "red"
        assert blue.get(f"/api/v1/schedules/{made['id']}").status_code == 404
        assert blue.delete(f"/api/v1/schedules/{made['id']}").status_code == 404
        assert blue.get("/api/v1/schedules").json()["data"]["schedules"] == []
        assert red.delete(f"/api/v1/schedules/{made['id']}").status_code == 403


def test_a_restart_keeps_schedules_and_makes_up_for_what_was_missed(make_server):
    server = make_server("--limits", "off")
    with server.client() as http:
        made = create(http, cron="* * * * *", name="kept", catchUp="once", jitter=1000)
    path = f"/api/v1/schedules/{made['id']}"
    server.process.kill()
    server.process.wait()
    from conftest import Program
    again = Program(BIN / "maos-server", "--data", server.data, "--listen", "127.0.0.1:0=gateway", "--log-level", "error")
    try:
        import httpx
        url = f"http://127.0.0.1:{again.port}"
        shown = httpx.get(url + path, headers={"Authorization": f"Bearer {server.token}"}).json()["data"]
        assert shown["name"] == "kept" and shown["status"] == "active" and shown["nextRun"] >= made["nextRun"]
    finally:
        assert again.stop() == 0
    server.process = subprocess.Popen(["sleep", "60"])
    server.stop = lambda: (server.process.kill(), server.process.wait(), 0)[-1]


ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu",
    "Europe/Dublin", "America/Santiago", "Antarctica/Troll", "Asia/Gaza", "America/St_Johns", "Pacific/Chatham",
]


def instants(local, zone):
    """When clocks show a local time: none, one or two instants."""
    found = []
    for fold in (0, 1):
        moment = local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == local and moment not in found:
            found.append(moment)
    return sorted(found)


@pytest.mark.parametrize("name", ZONES)
def test_previews_agree_with_python(http, name):
    """OC-TYPE-09: clock changes keep local time."""
    zone = zoneinfo.ZoneInfo(name)
    chance = random.Random(name)
    for _ in range(6):
        start = datetime(chance.randrange(2011, 2036), chance.randrange(1, 13), chance.randrange(1, 28), tzinfo=timezone.utc)
        hour, minute = chance.randrange(0, 5), chance.choice([0, 15, 30, 45])
        runs = preview(
            http, count=400, after=iso(start), timeZone=name, startTime=iso(start), gap="skip", repeated="both",
            recurrence={"interval": "daily", "time": f"{hour:02}:{minute:02}"})
        expected, day = [], start.astimezone(zone).date() - timedelta(days=2)
        while len(expected) < 400:
            expected += [m for m in instants(datetime(day.year, day.month, day.day, hour, minute), zone) if m > start]
            day += timedelta(days=1)
        assert [run["utc"][:19] + "Z" for run in runs] == [iso(moment) for moment in expected[:400]]
        for run in runs:
            moment = datetime.fromisoformat(run["utc"]).astimezone(zone)
            assert datetime.fromisoformat(run["local"]).astimezone(timezone.utc) == datetime.fromisoformat(run["utc"])
            assert run["local"][:19] == moment.strftime("%Y-%m-%dT%H:%M:%S")
            assert run["abbreviation"] == moment.tzname()


@pytest.mark.parametrize("name", ZONES[:6])
def test_expressions_agree_with_a_search_minute_by_minute(http, name):
    zone = zoneinfo.ZoneInfo(name)
    chance = random.Random(name + "cron")
    for _ in range(4):
        minutes = sorted(chance.sample(range(60), 3))
        hours = sorted(chance.sample(range(24), chance.choice([4, 24])))
        days, weekdays = sorted(chance.sample(range(1, 29), 6)), sorted(chance.sample(range(7), 2))
        start = datetime(2026, chance.choice([3, 4, 9, 10]), chance.randrange(1, 28), tzinfo=timezone.utc)
        every_hour = len(hours) == 24
        expression = " ".join([
            ",".join(map(str, minutes)), "*" if every_hour else ",".join(map(str, hours)), ",".join(map(str, days)), "*",
            ",".join(map(str, weekdays))])
        runs = preview(
            http, count=120, after=iso(start), startTime=iso(start), cron=expression, timeZone=name, gap="skip",
            repeated="both")
        expected, moment = [], start
        while len(expected) < 120:
            moment += timedelta(minutes=1)
            at = moment.astimezone(zone)
            if at.second == 0 and at.minute in minutes and at.hour in hours and (
                    at.day in days or at.isoweekday() % 7 in weekdays):
                expected.append(moment)
        assert [run["utc"][:19] + "Z" for run in runs] == [iso(m) for m in expected]


def test_the_command_line(server):
    def cli(*arguments, code=0):
        done = subprocess.run(
            [BIN / "maos-cli", "--url", server.url, "--token", server.token, *arguments], capture_output=True, text=True,
            timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    identifier = cli(
        "schedule", "create", "nightly", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--overlap", "skip", "--",
        "echo", "hello").strip()
    assert "nightly" in cli("schedule", "list") and "30 2 * * *" in cli("schedule", "get", identifier)
    table = cli("schedule", "preview", identifier, "--after", "2090-03-24T12:00:00Z", "--count", "3").splitlines()
    assert table[2].split() == ["2090-03-26T03:00:00+02:00", "CEST", "2090-03-26T01:00:00.000Z"]
    drafted = cli("schedule", "preview", "--weekly", "mon,fri", "--time", "18:00", "--count", "2").splitlines()
    assert len(drafted) == 3
    assert cli("schedule", "pause", identifier).split() == [identifier, "paused"]
    assert cli("schedule", "resume", identifier).split() == [identifier, "resumed"]
    task = cli("schedule", "run", identifier).strip()
    assert cli("task", "logs", "-f", task) == "hello\n"
    assert cli("schedule", "delete", identifier).split() == [identifier, "deleted"]
    cli("schedule", "create", "x", "--", "true", code=2)
    cli("schedule", "create", "x", "--cron", "99 * * * *", "--", "true", code=1)
    cli("schedule", "get", "no-such", code=1)
