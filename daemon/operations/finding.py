"""What a check of the configuration, or of a side, has to say: one finding, and how bad it is."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `where` is `file:line` and `path` the way in the file; both empty if no line is to blame."""

    level: Level
    what: str
    fix: str = ""
    where: str = ""
    path: str = ""
    about: str = "config"
