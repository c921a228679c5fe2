"""Fixtures for every test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
import pytest
from hypothesis import settings

from tests.soundcards import SoundCards
from tests.virtual_time import with_clocks_waiting

E2E = Path(__file__).parent / "e2e"
REAL = Path(__file__).parent / "real"
CLIENTS = Path(__file__).parent / "clients"

# Before anything imports torch, here or in a program of its own: on tiny networks a second thread
# gains nothing, and on a busy machine the two wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the tests that may run beside others on all processors, if nobody says how many.

    One process more than those: some tests wait for a server that is slow on purpose.
    """
    option = config.option
    everything = config.args_source is config.ArgsSource.TESTPATHS and not option.usepdb
    unsaid = getattr(option, "numprocesses", 0) is None and not hasattr(config, "workerinput")
    if everything and unsaid and option.markexpr in ("not realtime", "not realtime or long"):
        option.numprocesses, option.dist = (os.cpu_count() or 1) + 1, "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `realtime` what runs from end to end, on a sound card, or for long.

    All of `tests/real` is `real` beside that, all of `tests/clients` `clients`.
    """
    for item in items:
        if REAL in item.path.parents:
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.realtime)
        if CLIENTS in item.path.parents:
            item.add_marker(pytest.mark.clients)
            item.add_marker(pytest.mark.realtime)
        cards = "soundcards" in getattr(item, "fixturenames", ())
        if cards or E2E in item.path.parents or item.get_closest_marker("long"):
            item.add_marker(pytest.mark.realtime)


@pytest.fixture(scope="session", autouse=True)
def apart() -> Iterator[None]:
    """Conversations of other processes' tests, which run beside, are not those of this user."""
    with _runtime_folder():
        yield


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Nor are those of this process's other tests."""
    with _runtime_folder():
        yield


@contextmanager
def _runtime_folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.fixture(autouse=True)
def clocks_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual clocks wait for worker threads."""
    monkeypatch.setattr(anyio.to_thread, "run_sync", with_clocks_waiting(anyio.to_thread.run_sync))


@pytest.fixture
def soundcards(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCards]:
    """A computer with a microphone and a speaker, which PortAudio sees in this process too.

    For a program of its own pass `soundcards.environment` on.
    """
    assert shutil.which("pulseaudio"), "the tests need pulseaudio: make test installs it"
    with tempfile.TemporaryDirectory(prefix="cards") as folder:
        cards = SoundCards(Path(folder))
        for name, value in cards.environment.items():
            monkeypatch.setenv(name, value)
        cards.plug()
        try:
            _look_again()
            yield cards
        finally:
            cards.unplug()
            monkeypatch.undo()
            _look_again()


def _look_again() -> None:
    """PortAudio reads the environment and lists the devices when it is initialised, only then."""
    import sounddevice as sd

    sd._terminate()
    sd._initialize()
