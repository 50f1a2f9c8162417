"""Runs a client with an operator's token beside a server on its default ports; to be started in a network of its own.

    dashboard_play.py FOLDER COMMAND [ARGUMENT...]
"""

import subprocess
import sys

from own_network import default_server

with default_server(sys.argv[1]) as server:
    token = subprocess.run(
        [sys.argv[1] + "/maos-cli", "token", "create", "--data", server.data, "--sub", "olga", "--role", "operator"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()
    subprocess.run([*sys.argv[2:], token], timeout=60)
