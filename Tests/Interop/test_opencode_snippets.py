"""The client code that document 003 prints, as it is, on the default port: in a network of its own."""

import pytest

from conftest import BIN
from own_network import HERE, may_unshare, node, play

SNIPPETS = HERE / "fixtures" / "snippets" / "opencode"
PROGRAM = node()

pytestmark = [
    pytest.mark.skipif(not may_unshare(), reason="no network namespaces for this user"),
    pytest.mark.skipif(PROGRAM is None, reason="no node with a WebSocket"),
]


def said_to(script):
    """What the server and the client say."""
    result = play("opencode_play.py", BIN, *PROGRAM, script)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()


def test_the_connection_snippet(tmp_path):
    """OC-CONN-01, OC-CLI-01, OC-CLI-02, X-11: the first snippet, with the function that it leaves to its reader."""
    script = tmp_path / "connect.js"
    script.write_text("""
        const handleMessage = (data) => {
          console.log(data.type);
          if (data.type === "full_status") ws.send(JSON.stringify({ type: "ping", timestamp: 7 }));
          if (data.type === "pong") process.exit(data.timestamp === 7 ? 0 : 1);
        };
        """ + (SNIPPETS / "connect.js").read_text())
    lines = said_to(script)
    assert "listening localhost:8080 opencode" in lines[0], lines[0]
    assert lines[1:] == ["Connected to OpenCode API", "connection_established", "full_status", "pong", "ENDED 0"]


def test_the_rate_limit_snippet(tmp_path):
    """OC-CLI-03: the second snippet finds the seconds that it waits for, and is welcome afterwards."""
    script = tmp_path / "rate_limit.js"
    script.write_text("""
        const ws = new WebSocket("ws://localhost:8080/ws");
        let pongs = 0;
        let waited = 0;
        const retryRequest = () => { waited = 1; ws.send(JSON.stringify({ type: "ping" })); };
        ws.onmessage = (event) => {
          const data = JSON.parse(event.data);
          if (data.type === "full_status") for (let i = 0; i < 21; i += 1) ws.send(JSON.stringify({ type: "ping" }));
          if (data.type === "pong") { pongs += 1; if (waited) { console.log("welcome after", pongs); process.exit(0); } }
          if (data.type === "error") { console.log(data.code); handleRateLimit(data); }
        };
        """ + (SNIPPETS / "rate_limit.js").read_text())
    lines = said_to(script)
    assert lines[-3:] == ["RATE_LIMIT_EXCEEDED", "welcome after 21", "ENDED 0"]
