"""A client that speaks JSON over a WebSocket."""

import json

from websockets.sync.client import connect


class Speaker:
    """A connection; it is closed at the end of a `with`."""

    def __init__(self, url, **more):
        self.socket = connect(url, max_size=None, ping_interval=None, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message):
        self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    def receive(self, seconds=20):
        return json.loads(self.socket.recv(timeout=seconds))
