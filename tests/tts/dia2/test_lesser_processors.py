"""The exactness tests once more as on a lesser processor: other instructions round otherwise."""

import os
import platform
import subprocess
import sys

import pytest

from tests.paths import ROOT

HERE = "tests/tts/dia2"
TESTS = (
    f"{HERE}/fast/test_graphs.py::test_the_same_tokens",
    f"{HERE}/fast/test_graphs.py::test_text_that_is_late_draws_the_same",
    f"{HERE}/fast/test_loops.py::test_the_same_draws",
    f"{HERE}/fast/test_model.py::test_what_was_recorded",
    f"{HERE}/fast/test_model.py::test_the_same_tokens_as_the_readable_network",
    f"{HERE}/fast/test_model.py::test_slots_do_not_hear_each_other",
    f"{HERE}/serving/test_stepper.py::test_a_take_alone_and_beside_others",
    f"{HERE}/test_generate.py::test_as_published",
)
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "HASWELL",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",  # those of that processor
}


@pytest.mark.long
@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are instructions of x86")
def test_what_is_exact_is_so_without_avx512() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
    alone = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        command, cwd=ROOT, env={**alone, **AVX2}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout or "[100%]" in done.stdout
