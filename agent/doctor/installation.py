"""Whether what is installed as Parley is Parley's."""

import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import anyio.to_thread

from agent.config.load import Config
from agent.doctor.finding import Finding, State
from agent.shadowing import HOME, PACKAGES, strangers
from tts.extras import NAME, pip_install


async def installation(_: Config) -> list[Finding]:
    """Parley itself, and whatever has packages of the same names: on the path, or installed."""
    return await anyio.to_thread.run_sync(_installation)


def _installation() -> list[Finding]:
    try:
        found = [Finding("ok", "parley", f"{version(NAME)} in {HOME}")]
    except PackageNotFoundError:
        # The files are there and work; what they need may not be.
        found = [Finding("note", "parley", f"not installed, run from {HOME}", pip_install(NAME))]
    path = {Path(entry).resolve() for entry in sys.path}
    for each in strangers([str(Path.cwd()), *sys.path]):  # as for programs that start here
        state: State = "missing" if each.first and each.folder in path else "note"
        found.append(Finding(state, "parley", each.detail, each.fix))
    brought = packages_distributions()
    for name in PACKAGES:
        for other in sorted({*brought.get(name, ())} - {NAME}):
            detail = f"'{name}' is a package of {other} too: one has overwritten the other"
            fix = f"uninstall {other}, then {pip_install('--force-reinstall', '--no-deps', NAME)}"
            found.append(Finding("missing", "parley", detail, fix))
    return found
