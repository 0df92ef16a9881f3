"""Collecting what is wrong, or will surprise, while a configuration is held against both sides."""

from daemon.settings.errors import Problem
from daemon.settings.merge import Path
from daemon.settings.models import Settings

# The areas, named as the checks of `isthmus doctor` that report them.
CONFIG = "config"
TABLES = "postgres.tables"
RIGHTS = "postgres.rights"
OBJECTS = "salesforce.objects"
FIELDS = "salesforce.fields"
EXTERNAL_IDS = "salesforce.external_ids"


class Findings:
    """Problems, which forbid a start, and warnings, which do not. Both in the order in which they were found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, path: Path, what: str, fix: str = "", about: str = CONFIG) -> None:
        """Something that must be mended first."""
        self.problems.append(self._finding(path, what, fix, about))

    def warning(self, path: Path, what: str, fix: str = "", about: str = CONFIG) -> None:
        """Something that works otherwise than one would think."""
        self.warnings.append(self._finding(path, what, fix, about))

    def _finding(self, path: Path, what: str, fix: str, about: str) -> Problem:
        return Problem(self._settings.origin(path), self._settings.spoken(path), what, fix, about, path)
