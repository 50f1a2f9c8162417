"""Replays the transcripts of the protocol pages against the real server, so that the pages stay true.

A transcript is a block fenced as ```transcript PATH [token]``` on a page of Docs/Protocols; with `token` the connection bears
the administrator's. A PATH with a `{name}` is connected to after the lines with `$` that it begins with. Its lines:

    > TEXT                what the client sends; `{name}` is the newest string member of that name that was received,
                          `$TOKEN` the administrator's token, `$OPERATOR` an operator's
    < JSON                what the server sends next: the string "…" stands for any value, more members may be there
    < close CODE          the server closes with that code
    >> JSON               the client sends the text of this string as a binary message
    << JSON               the server sends binary messages until they hold the text of this string
    $ METHOD PATH [JSON]  a request to the REST interface by the administrator, which must succeed; `{name}` as above
    # words               for readers
"""

import contextlib
import json
import pathlib
import re

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PAGES = pathlib.Path(__file__).resolve().parents[2] / "Docs" / "Protocols"
FENCE = re.compile(r"^```transcript (\S+)( token)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def transcripts():
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield pytest.param(match[1], bool(match[2]), match[3].splitlines(), id=f"{page.stem}:{line}")


def fits(expected, found):
    if expected == "…":
        return True
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(k in found and fits(v, found[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(fits, expected, found))
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return expected == found


def remember(value, names):
    if isinstance(value, dict):
        for key, member in value.items():
            if isinstance(member, str):
                names[key] = member
            remember(member, names)
    elif isinstance(value, list):
        for member in value:
            remember(member, names)


def fill(text, names):
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], match[0]), text)


@pytest.fixture(scope="module")
def everything(server_class):
    server = server_class("--limits", "off", "--listen", "127.0.0.1:0=all")
    yield server
    assert server.is_well() and server.stop() == 0


def is_of_a_busy_host(message):
    """Alerts come whenever the host that tests run on has much to do."""
    return message.get("type") == "system:alert" and message["payload"]["category"] in ("resource", "performance")


def request(http, line, names):
    method, target, *body = fill(line, names).split(" ", 2)
    reply = http.request(method, target, json=json.loads(body[0]) if body else None)
    assert reply.status_code < 300, f"{line}: {reply.text}"
    remember(reply.json(), names)


def receive(client):
    """The next text message; what a terminal shows goes by."""
    while isinstance(message := client.recv(timeout=20), bytes):
        pass
    return json.loads(message)


@pytest.mark.parametrize("path, bears_token, lines", transcripts())
def test_transcript(everything, path, bears_token, lines):
    headers = {"Authorization": f"Bearer {everything.token}"} if bears_token else {}
    operator = everything.sign(sub="olga", roles=["operator"])
    names = {}
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(everything.client())
        while "{" in path and lines[0].startswith("$ "):
            request(http, lines.pop(0)[2:], names)
        client = stack.enter_context(
            connect(
                f"ws://127.0.0.1:{everything.ports['all']}{fill(path, names)}", additional_headers=headers, max_size=None
            )
        )
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == ">":
                text = rest.replace("$TOKEN", everything.token).replace("$OPERATOR", operator)
                client.send(fill(text, names))
            elif kind == "<" and rest.startswith("close "):
                with pytest.raises(ConnectionClosed) as closed:
                    receive(client)
                assert closed.value.rcvd.code == int(rest.split()[1]), line
            elif kind == "<":
                found = receive(client)
                while is_of_a_busy_host(found):
                    found = receive(client)
                assert fits(json.loads(rest), found), f"expected {rest}, got {json.dumps(found)}"
                remember(found, names)
            elif kind == ">>":
                client.send(json.loads(rest).encode())
            elif kind == "<<":
                shown = b""
                while json.loads(rest).encode() not in shown:
                    shown += client.recv(timeout=20)
            elif kind == "$":
                request(http, rest, names)
            else:
                assert kind in ("#", ""), f"not a line of a transcript: {line}"
