"""`python -m agent.cli` is `parley`."""

import sys

from parley_voice.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
