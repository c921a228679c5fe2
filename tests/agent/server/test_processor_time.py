"""The processor time of the server is that of its engines' processes, too."""

import subprocess
import sys

from agent.server.processor_time import processor_seconds
from tests.processes import ended

BURN = """
import sys, time
while time.process_time() < 0.5:
    pass
print("burnt", flush=True)
sys.stdin.read()
"""


def test_a_process_that_runs_and_that_has_run() -> None:
    before = processor_seconds()
    pipe = subprocess.PIPE
    with (
        subprocess.Popen([sys.executable, "-c", BURN], stdin=pipe, stdout=pipe, text=True) as child,
        ended(child),
    ):
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        assert processor_seconds() - before > 0.4  # the system counts in hundredths
        child.stdin.close()
        child.wait()
    assert processor_seconds() - before > 0.4
