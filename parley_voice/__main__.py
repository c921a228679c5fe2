"""The command `parley`: starts the command line with Parley's own packages, whatever the path."""

import sys

from parley_voice import NAME, PACKAGES, pip_install
from parley_voice.shadowing import HOME, import_own_packages


def main() -> int:
    """Run the command; the status is 1, and stderr says why, if a package of ours is lost."""
    lost = [name for name in PACKAGES if not (HOME / name / "__init__.py").is_file()]
    for name in lost:
        told = f"'{name}' is a package of Parley and not in {HOME}: {pip_install(NAME)}"
        print(f"parley: {told}", file=sys.stderr)
    if lost:
        return 1
    import_own_packages()
    from agent.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
