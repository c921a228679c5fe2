"""A finding: what `parley doctor` has to say about one thing."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `missing` means that the configuration cannot be used as it is."""

    state: State
    subject: str
    detail: str
    fix: str = ""
