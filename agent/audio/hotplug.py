"""Hot-plugging: PortAudio is made to see the devices that have come and gone.

PortAudio lists the devices once, when it is initialised, and to initialise it again closes every
stream of the process. So a stream that has lost its device does that for all, once it has reason to
believe that it helps: the others find themselves closed, and open again at once.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.audio.devices import Kind, find_device, load, portaudio
from agent.errors import AudioError

OPEN: set[Any] = set()
"""The streams that are open in this process; under the lock `portaudio`."""

_PROBE_TIMEOUT = 10.0  # seconds


def refresh(kind: Kind, device: str | int | None, *, stale: bool) -> tuple[bool, bool]:
    """Initialise PortAudio again; whether that was done, and whether its list is still `stale`.

    While streams are open, it is done only if a new process finds the device, and the list is stale
    (nobody has looked since the device went) or has another one. Blocking.
    """
    sd = load()
    with portaudio:
        if OPEN:
            found = _probe(kind, device)
            if not found:
                return False, True
            if not stale and found == _find(kind, device):
                return False, False
        for stream in OPEN:
            stream.close()
        OPEN.clear()
        with suppress(sd.PortAudioError):  # the next attempt to open will say so
            if sd._initialized:
                sd._terminate()
            sd._initialize()
        return True, False


def _find(kind: Kind, wanted: str | int | None) -> str:
    try:
        return ascii(find_device(kind, wanted).id)
    except AudioError:
        return ""


def _probe(kind: Kind, wanted: str | int | None) -> str:
    """What `_find` gives in a process whose PortAudio has just been initialised."""
    home = str(Path(__file__).parents[2])  # before any other package called `agent`
    code = (
        f"import sys; sys.path.insert(0, {home!r}); "
        f"from agent.audio.hotplug import _find; print(_find({kind!r}, {wanted!r}))"
    )
    with suppress(subprocess.TimeoutExpired):
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=False,
            text=True,
            timeout=_PROBE_TIMEOUT,
        )
        return result.stdout.strip()
    return ""
