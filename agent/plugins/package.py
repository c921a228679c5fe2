"""The package that a plug-in plugs into: there, and of a version that it was tested with."""

from importlib.metadata import PackageNotFoundError, version

from agent.errors import ParleyError
from tts.extras import NAME, pip_install


class PluginError(ParleyError, ImportError):
    """A plug-in cannot be imported; the message says what to install."""


def require(distribution: str, least: str, below: str, *, extra: str) -> None:
    """Check that a distribution is installed: at least version `least`, and below `below`.

    Raises PluginError, naming the range and the extra that installs it.
    """
    install = pip_install(f"{NAME}[{extra}]")
    wanted = f"Parley's plug-in needs {distribution} >= {least}, < {below}"
    try:
        found = version(distribution)
    except PackageNotFoundError:
        raise PluginError(f"{wanted}, which is not installed: {install}") from None
    if not _numbers(least) <= _numbers(found) < _numbers(below):
        raise PluginError(f"{wanted}, and {found} is installed: {install}")


def _numbers(written: str) -> tuple[int, ...]:
    """The release of a version: 1.8.9rc1 is (1, 8, 9)."""
    numbers = []
    for part in written.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
