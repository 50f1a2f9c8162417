"""Replays the transcripts of `Docs/Protocols` against a real server.

A block that begins with ```transcript PATH holds a connection to that path: lines with `> ` are sent, lines with `< ` are what
comes next. There, the text `…` stands for any value, and members that are not shown may be there. In a line that is sent,
`$TOKEN` is the administrator's token, `$OPERATOR` an operator's, and `{name}` the newest text that came under that name.
"""

import json
import pathlib
import re

import pytest
from websockets.sync.client import connect

PAGES = pathlib.Path(__file__).parents[2] / "Docs" / "Protocols"
BLOCK = re.compile(r"^```transcript (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def transcripts():
    for page in sorted(PAGES.glob("*.md")):
        for number, (path, lines) in enumerate(BLOCK.findall(page.read_text()), start=1):
            yield pytest.param(path, lines, id=f"{page.stem}-{number}")


@pytest.fixture(scope="module")
def whole_server(server_class):
    server = server_class("--listen", "127.0.0.1:0=all", "--limits", "off")
    yield server
    assert server.stop() == 0


def matches(shown, real):
    if shown == "…":
        return True
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(key in real and matches(shown[key], real[key]) for key in shown)
    if isinstance(shown, list):
        return isinstance(real, list) and len(shown) == len(real) and all(map(matches, shown, real))
    return type(shown) is type(real) and shown == real


def remember(value, names):
    if isinstance(value, dict):
        names.update({key: member for key, member in value.items() if isinstance(member, str)})
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            remember(member, names)


def is_of_a_busy_host(message):
    """Alerts come whenever the host that tests run on has much to do."""
    return message.get("type") == "system:alert" and message["payload"]["category"] in ("resource", "performance")


@pytest.mark.parametrize("path, lines", transcripts())
def test_transcript(whole_server, path, lines):
    url = f"ws://127.0.0.1:{whole_server.ports['all']}{path}"
    operator = whole_server.sign(sub="olga", roles=["operator"])
    names = {}
    with connect(url, max_size=None) as socket:
        for line in lines.splitlines():
            if line.startswith("> "):
                text = line[2:].replace("$TOKEN", whole_server.token).replace("$OPERATOR", operator)
                socket.send(re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), text))
            elif line.startswith("< "):
                real = json.loads(socket.recv(timeout=20))
                while is_of_a_busy_host(real):
                    real = json.loads(socket.recv(timeout=20))
                remember(real, names)
                assert matches(json.loads(line[2:]), real), f"{line}\n{real}"
            else:
                assert not line.strip(), f"a line is sent or received: {line}"
