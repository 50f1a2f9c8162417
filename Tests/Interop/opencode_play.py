"""Runs a client beside a server on its default ports; to be started in a network of its own.

    opencode_play.py FOLDER COMMAND [ARGUMENT...]

Prints what the client says, and ends with its exit code.
"""

import subprocess
import sys

from own_network import default_server

with default_server(sys.argv[1]):
    code = subprocess.run(sys.argv[2:], timeout=60).returncode
sys.exit(code)
