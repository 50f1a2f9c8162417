"""The client that document 004 prints, on the default address, in a network of its own."""

import json

import pytest

from conftest import BIN
from own_network import HERE, may_unshare, node, play

PROGRAM = node()


@pytest.mark.skipif(not may_unshare(), reason="no network namespaces for this user")
@pytest.mark.skipif(PROGRAM is None, reason="no node with a WebSocket")
def test_printed_client():
    """DASH-CONN-01, DASH-CLI-01, DASH-CLI-03, DASH-CLI-04: it connects, says who it is, commands, and hears of it"""
    result = play(
        "dashboard_play.py", BIN, *PROGRAM, HERE / "dashboard_play.js",
        HERE / "fixtures" / "snippets" / "dashboard" / "client.ts")
    lines = result.stdout.splitlines()
    assert "ENDED 0" in lines and "DONE" in lines, result.stdout + result.stderr
    assert "listening localhost:3001" in lines[0], lines[0]
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    for message in messages:
        assert message["id"] and message["type"] and message["timestamp"] and isinstance(message["payload"], dict)
    types = [message["type"] for message in messages]
    assert types[:5] == ["ack", "connection:status", "ack", "agent:created", "agent:status"]
    assert types[-1] == "agent:status"
