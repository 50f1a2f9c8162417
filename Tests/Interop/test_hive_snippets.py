"""The client code that the hive's document prints, as it is, on the default ports: each in a network of its own."""

import shutil
import sys

import pytest

from conftest import BIN
from own_network import HERE, may_unshare, node, play

SNIPPETS = HERE / "fixtures" / "snippets" / "hive"
PROGRAM = node()

pytestmark = pytest.mark.skipif(not may_unshare(), reason="no network namespaces for this user")
needs_node = pytest.mark.skipif(PROGRAM is None, reason="no node with a WebSocket")


def run(command, marker, seconds=40):
    """Everything that the client and the play around it say."""
    result = play("default_ports.py", BIN, marker, str(seconds), "--", *command, seconds=seconds * 3)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert "ENDED 0" in lines, lines
    assert "localhost:3001" in lines[0], lines[0]
    told = {line.split()[0]: line.split()[1] for line in lines if line.startswith(("COMPLETED", "FAILED"))}
    return told, [line.removeprefix("CLIENT ") for line in lines if line.startswith("CLIENT ")]


def script(tmp_path, name, *parts):
    path = tmp_path / name
    path.write_bytes(b"\n".join(part if isinstance(part, bytes) else part.encode() for part in parts))
    return path


def snippet(name):
    return (SNIPPETS / name).read_bytes()


def test_python_client_runs_unmodified():
    """HIVE-CONN-01, HIVE-CONN-02, HIVE-CLI-12, HIVE-CLI-13, HIVE-CLI-14, HIVE-CLI-15, X-11"""
    told, lines = run([sys.executable, SNIPPETS / "client.py"], "Connected to Hive WebSocket")
    text = "\n".join(lines)
    assert "New agent: DataProcessor-1" in text, text
    assert f"Task completed: {told['COMPLETED']}" in text, text
    assert "Unknown message type: task_failed" in text, text
    assert "Message handling error" not in text.split("Unknown message type: task_failed")[0], text


@needs_node
def test_javascript_client_runs_unmodified():
    """HIVE-CLI-01, HIVE-CLI-02, HIVE-CLI-03, HIVE-CLI-04, HIVE-CLI-05, HIVE-CLI-06, HIVE-CLI-08"""
    told, lines = run([*PROGRAM, SNIPPETS / "client.js"], "Connected to Hive WebSocket")
    text = "\n".join(lines)
    assert "New agent: DataProcessor-1" in text, text
    assert "New task: Process customer data" in text, text
    assert f"Task completed: {told['COMPLETED']}" in text, text
    assert f"Task failed: {told['FAILED']} exited with code 1" in text, text
    assert "idle" in text and "active" in text, text
    assert "Failed to parse" not in text and "WebSocket error" not in text, text


@needs_node
def test_shortest_connections_work(tmp_path):
    """HIVE-CONN-01, HIVE-CONN-05: the first two snippets, and what they hear."""
    python = script(
        tmp_path, "connect.py", snippet("connect.py"), "print('CONNECTED', flush=True)",
        "while True:\n    message = ws.recv()\n    print(message, flush=True)\n    if 'task_failed' in message: break",
    )
    told, lines = run([sys.executable, python], "CONNECTED")
    assert any(told["COMPLETED"] in line for line in lines), lines
    javascript = script(
        tmp_path, "connect.js", snippet("connect.js"), snippet("lifecycle.js"),
        "ws.onmessage = (event) => console.log(event.data);",
    )
    told, lines = run([*PROGRAM, javascript], "Connected to AI Orchestrator Hub")
    assert any(told["COMPLETED"] in line for line in lines), lines


@needs_node
@pytest.mark.parametrize("name", ["filter", "sequence", "throttle"])
def test_troubleshooting_snippets_work(tmp_path, name):
    """HIVE-CLI-16, HIVE-CLI-17, HIVE-CLI-18: each on a connection of its own, with what it leaves undefined."""
    path = script(
        tmp_path, f"{name}.js", "const ws = new WebSocket('ws://localhost:3001/ws');",
        "ws.onopen = () => console.log('CONNECTED');",
        "const processMessage = (message) => console.log('processed', message.type, message.sequence);", snippet(f"{name}.js"),
    )
    told, lines = run([*PROGRAM, path], "CONNECTED", 8 if name == "throttle" else 20)
    text = "\n".join(lines)
    if name == "filter":
        assert "Received:" in text and "agent_created" in text and "task_completed" in text, text
        assert "task_created" not in text, text
    elif name == "sequence":
        assert "processed hive_status_update" in text and "processed task_completed" in text, text
        numbers = [int(line.split()[2]) for line in lines if line.startswith("processed")]
        assert numbers == sorted(set(numbers)), numbers
        assert "processed task_failed" in text, text
    else:
        assert "processed hive_status_update" in text, text


@needs_node
def test_compression_snippet_connects(tmp_path):
    """HIVE-CONN-08"""
    path = script(
        tmp_path, "compression.js", snippet("compression.js"), "ws.onopen = () => console.log('CONNECTED');",
        "ws.onmessage = (event) => console.log(JSON.parse(event.data).type);",
    )
    _, lines = run([*PROGRAM, path], "CONNECTED")
    assert "task_failed" in lines, lines


def test_health_answers_on_the_hive_port(tmp_path):
    """HIVE-CONN-06, HIVE-CLI-21: the first command of the troubleshooting section."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = snippet("troubleshooting.sh").decode().splitlines()[1]
    assert command == "curl http://localhost:3001/health"
    path = script(tmp_path, "health.sh", f"echo CONNECTED; {command}; echo; echo DONE")
    _, lines = run(["sh", path], "CONNECTED", 10)
    assert any('"overall":"healthy"' in line or '"status"' in line for line in lines), lines
