"""SmolLM2 behind llama.cpp's OpenAI-compatible server, on loopback, in a process of its own.

python -m tests.real.language_model    # prints its base URL, and serves until stdin ends
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.real import kit


@contextmanager
def serving() -> Iterator[str]:
    """The base URL of a running one, for the length of a block."""
    command = [sys.executable, "-m", "tests.real.language_model"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:  # llama.cpp may say something before
            if line.startswith("http://"):
                yield line.strip()
                break
        else:
            raise RuntimeError("the language model did not start: is xllamacpp installed?")
        process.communicate()


def main() -> None:
    """Serve until stdin ends."""
    import xllamacpp

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = xllamacpp.CommonParams()
    options.model.path = str(kit.language_model())
    options.n_ctx, options.n_parallel, options.port = 2048, 1, port
    options.verbosity = 0
    # One thread: with as many as there are cores, it and Whisper wait for each other.
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(options)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
