"""The command `parley`: starts the command line once Parley's packages are surely its own."""

import sys
from importlib.util import find_spec
from pathlib import Path

from parley_voice import NAME, PACKAGES, pip_install

_HOME = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the command; the status is 1, and stderr says why, if a package is a stranger's."""
    if told := strangers():
        for line in told:
            print(f"parley: {line}", file=sys.stderr)
        return 1
    from agent.cli.main import main as run

    return run()


def strangers() -> list[str]:
    """Name each package that Python finds elsewhere than beside this one, and what to do."""
    told = []
    for name in PACKAGES:
        own = _HOME / name / "__init__.py"
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            told.append(f"'{name}' is a package of Parley and not in {_HOME}: {pip_install(NAME)}")
        elif (found := Path(spec.origin).resolve()) != own:
            module = found.parent if found.name == "__init__.py" else found
            told.append(
                f"'{name}' is a stranger's ({module}), found before Parley's own ({own.parent}): "
                f"take {module.parent} off PYTHONPATH, or rename it"
            )
    return told


if __name__ == "__main__":
    sys.exit(main())
