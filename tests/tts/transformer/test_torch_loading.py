"""Loading holds nobody up, neither then nor later, and what was loaded can be freed."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.tts.dia2.serving.utterances import checkpoint
from tts.transformer import torch_loading

LINKED = """
import sys
from pathlib import Path
from tts.transformer import torch_loading as quiet
maps = Path("/proc/self/maps")
print("libtorch_cpu" in maps.read_text())
quiet.link_torch()
print("libtorch_cpu" in maps.read_text(), "torch" in sys.modules)
import torch
print(float(torch.ones(3).sum()), torch.__config__.parallel_info() != "")
quiet.link_torch()
"""


def run(code: str, *arguments: str) -> list[str]:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_torch_is_linked_before_it_is_imported() -> None:
    linked = sys.platform == "linux"
    assert run(LINKED) == ["False", f"{linked} False", "3.0 True"]


FREED = """
import sys, threading, weakref, anyio
from tts.dia2.engine import Dia2Speech

async def use():
    engine = Dia2Speech(model=sys.argv[1], device="cpu", context=2)
    await engine.load()
    model = weakref.ref(engine._loaded[0].bundle.model)
    async with engine.open() as utterance:
        await utterance.feed("Well.")
        await utterance.finish()
        async for _ in utterance:
            pass
    await engine.aclose()
    return model

model = anyio.run(use)
for thread in set(threading.enumerate()) - {threading.main_thread()}:
    thread.join()  # one that has ended a call may still have its result
print(model(), "torch._dynamo" in sys.modules, "sympy" in sys.modules)
"""


def test_what_was_loaded_is_freed_and_no_compiler_is(tmp_path: Path) -> None:
    model = checkpoint(tmp_path, codebooks=2, delays=[1, 2])
    assert run(FREED, str(model)) == ["None False False"]


@pytest.mark.parametrize("installed", [None, "somewhere"])
def test_what_is_not_there_is_left_to_the_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: str | None
) -> None:
    class Found:
        origin = None if installed is None else str(tmp_path / installed)

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(torch_loading, "find_spec", lambda _name: Found())
    torch_loading.link_torch()
    monkeypatch.setattr(torch_loading, "find_spec", lambda _name: None)
    torch_loading.link_torch()


def test_what_stays_is_not_searched_for_garbage() -> None:
    before = gc.get_freeze_count()
    try:
        with torch_loading.loading():
            assert not gc.isenabled()
            stays: list[list[int]] = [[] for _ in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(stays)
    finally:
        gc.unfreeze()


def test_who_collects_no_garbage_goes_on_so() -> None:
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError), torch_loading.loading():
            raise ZeroDivisionError
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


UNFROZEN = """
import atexit, gc
from tts.transformer import torch_loading as quiet
atexit.register(lambda: print(gc.get_freeze_count() == 0))
with quiet.loading():
    pass
print(gc.get_freeze_count() > 0)
"""


def test_at_the_end_everything_is_freed_as_ever() -> None:
    assert run(UNFROZEN) == ["True", "True"]
