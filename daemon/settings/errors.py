"""What is wrong with a configuration: every problem at once, each with its place and what to do about it.

A problem never repeats a value that stands where a secret belongs.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from daemon.domain.failure import ConfigurationError


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a value was written: a file (or an environment variable) and a line, from 1. Line 0 is no line."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        """`file:line`, as editors and terminals make it a link."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or, as a warning, one that will surprise.

    `path` is the way from the top of the file to the value, `fix` what to write or do. `about` is the area it belongs
    to: the name of the check of `isthmus doctor` that reports it. `place` is the same way as `path`, in keys and positions.
    """

    origin: Origin
    path: str
    what: str
    fix: str = ""
    about: str = "config"
    place: tuple[str | int, ...] = field(default=(), compare=False, repr=False)

    @property
    def where(self) -> str:
        """`file:line`."""
        return str(self.origin)

    def __str__(self) -> str:
        """The problem as one line."""
        place = f"{self.origin}: {self.path}" if self.path else str(self.origin)
        return f"{place}: {self.what}; {self.fix}" if self.fix else f"{place}: {self.what}"


class SettingsError(ConfigurationError):
    """The configuration cannot be used. `problems` holds everything that was found, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.origin))
        count = len(self.problems)
        super().__init__(
            what=f"the configuration has {count} problem{'' if count == 1 else 's'}",
            why="\n".join(str(problem) for problem in self.problems),
            fix="Mend them, then run `isthmus config check`.",
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the nearest known word, or an empty text. Case does not matter."""
    by_case: dict[str, str] = {}
    for name in known:
        by_case.setdefault(name.casefold(), name)
    near = difflib.get_close_matches(word.casefold(), list(by_case), n=1, cutoff=0.6)
    return f"did you mean {by_case[near[0]]}?" if near else ""


def suggestion(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The nearest known word; where none is near, `otherwise`, or else all that are known."""
    names = sorted(set(known))
    return did_you_mean(word, names) or otherwise or (f"known are: {', '.join(names)}" if names else "")
