"""Replays the transcripts of `Docs/Protocols` against a real server.

A block that begins with ```transcript PATH holds a connection to that path: lines with `> ` are sent, lines with `< ` are what
comes next. There, the text `…` stands for any value, and members that are not shown may be there. `$TOKEN` in a line that is
sent is the administrator's token.
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


@pytest.mark.parametrize("path, lines", transcripts())
def test_transcript(whole_server, path, lines):
    url = f"ws://127.0.0.1:{whole_server.ports['all']}{path}"
    with connect(url, max_size=None) as socket:
        for line in lines.splitlines():
            if line.startswith("> "):
                socket.send(line[2:].replace("$TOKEN", whole_server.token))
            elif line.startswith("< "):
                real = json.loads(socket.recv(timeout=20))
                assert matches(json.loads(line[2:]), real), f"{line}\n{real}"
            else:
                assert not line.strip(), f"a line is sent or received: {line}"
