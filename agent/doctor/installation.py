"""Whether what is installed as Parley is Parley's."""

from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import anyio.to_thread

import parley_voice
from agent.config.load import Config
from agent.doctor.finding import Finding
from parley_voice import NAME, PACKAGES, pip_install


async def installation(_: Config) -> list[Finding]:
    """Parley itself, and each distribution that brought a package of the same name as Parley's."""
    return await anyio.to_thread.run_sync(_installation)


def _installation() -> list[Finding]:
    place = Path(parley_voice.__file__).parents[1]
    try:
        found = [Finding("ok", "parley", f"{version(NAME)} in {place}")]
    except PackageNotFoundError:
        # The files are there and work; what they need may not be.
        found = [Finding("note", "parley", f"not installed, run from {place}", pip_install(NAME))]
    brought = packages_distributions()
    for name in PACKAGES:
        for other in sorted({*brought.get(name, ())} - {NAME}):
            detail = f"'{name}' is a package of {other} too: one has overwritten the other"
            fix = f"uninstall {other}, then {pip_install('--force-reinstall', '--no-deps', NAME)}"
            found.append(Finding("missing", "parley", detail, fix))
    return found
