"""`python -m agent.cli` is `parley`."""

import sys

from agent.cli.ending import leave
from agent.cli.main import main

if __name__ == "__main__":
    sys.exit(leave(main()))
