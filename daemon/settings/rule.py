"""What a rule says when it does not hold."""

from dataclasses import dataclass

from daemon.settings.merge import Path


@dataclass(frozen=True, slots=True)
class Complaint:
    """A path of the configuration, what is wrong there and what to write instead."""

    path: Path
    what: str
    fix: str = ""
