"""Program of a process of its own: llama.cpp with a model, behind its own server on loopback.

Its first line on stdin is a JSON object (`main` reads it); it writes the server's URL when the
model is loaded, and ends when stdin does. To be run as a file, without the packages around it.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

BATCH, GPU_BATCH = 32, 512
"""Tokens of a prompt that are read at once: a request that is cancelled ends after twice as many.
With 64, SmolLM2-135M went on for 0.34 s; with these for 0.15, and a prompt takes 5 % longer."""
KEPT_PROMPTS = 256
"""MB of prompts that are remembered besides the latest one, of other conversations or a summary."""
YIELDS = 5
"""By how much it is nicer than its parent: it writes ten times as fast as anybody speaks, and the
voice that speaks what it has written shares the processor with it."""
ERRORS, EVERYTHING = 2, 4
"""What is logged."""


def main() -> int:
    """Serve until stdin ends; 1 if the model cannot be loaded, and the log says why."""
    options = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    os.environ["GGML_NO_BACKTRACE"] = "1"  # nobody wants a debugger's
    if hasattr(os, "nice"):  # not on Windows
        os.nice(YIELDS)
    with suppress(OSError):  # of Linux: where memory runs out it is this process that goes
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options["model"]
    params.n_ctx = options["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    on_gpu = len(xllamacpp.get_device_info()) > 1
    params.n_batch = params.n_ubatch = GPU_BATCH if on_gpu else BATCH
    params.cache_ram_mib = KEPT_PROMPTS
    params.n_cache_reuse = BATCH  # what follows when the oldest turns are left out
    params.enable_reasoning = 0  # nobody waits for a voice that thinks
    # What of a model fits a GPU is found out by loading it twice.
    params.fit_params = on_gpu
    params.verbosity = EVERYTHING if options["debug"] else ERRORS
    # Others on this computer have no business with it.
    params.api_keys = [options["key"]]
    params.endpoint_slots = params.ui = False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        time.sleep(0.2)  # its log is written by a thread of its own, which nobody can wait for
        return 1
    print(server.listening_address, flush=True)
    if not options["debug"]:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # nobody reads it any more
        os.dup2(nowhere, 2)
    sys.stdin.read()
    os._exit(0)  # at once, whatever it computes


if __name__ == "__main__":
    sys.exit(main())
