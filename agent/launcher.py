"""The command `parley`: runs the command line with Parley's own packages, whatever the path.

Their names are common words, and a folder `agent` on PYTHONPATH is found before Parley's. So this
file imports none of them before it has seen to that, and is installed beside them under the
distribution's own name (`parley_voice`, see pyproject.toml).
"""

import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGES = ("agent", "stt", "llm_adapters", "tts", "configs")


def main() -> int:
    """Run the command; the status is 1, and stderr says why, if a package of ours is lost."""
    own = home()
    lost = [name for name in PACKAGES if not (own / name / "__init__.py").is_file()]
    for name in lost:
        told = f"'{name}' is a package of Parley and not in {own}: install parley-voice again"
        print(f"parley: {told}", file=sys.stderr)
    if lost:
        return 1
    sys.meta_path.insert(0, _OwnPackages(own))
    from agent.cli.ending import leave
    from agent.cli.main import main as run

    return leave(run())


def home() -> Path:
    """Return the folder that Parley's packages are in: of the installation, or of a checkout."""
    try:
        parley = distribution("parley-voice")
    except PackageNotFoundError:  # run from its files
        return Path(__file__).resolve().parents[1]
    origin = json.loads(parley.read_text("direct_url.json") or "{}")  # PEP 610
    if origin.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlsplit(origin["url"]).path)).resolve()
    return Path(str(parley.locate_file(""))).resolve()


class _OwnPackages(MetaPathFinder):
    """Finds our packages in our folder, whatever else is on the path."""

    def __init__(self, own: Path) -> None:
        self._path = [str(own)]

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, self._path) if fullname in PACKAGES else None


if __name__ == "__main__":
    sys.exit(main())
