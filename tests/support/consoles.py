"""The `console` blocks of a page: commands, what each is said to print, and whether it did.

A line that begins with `$ ` is a command; the lines under it are what a person at a terminal sees, and none means that only the exit
status is looked at. `…` stands for what varies: within a line for any text, as a line of its own for any lines. What follows `[y/N] ` is
the answer that is typed; a command that shows none gets a yes. `# status 3` behind a command is the status with which it leaves, if not 0.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"#\s*status (\d+)")
_ANSWER = re.compile(r"\[y/N\] ?(\w*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Typed:
    """One command of a page."""

    line: str
    shown: str

    @property
    def arguments(self) -> list[str]:
        """The words after `isthmus`."""
        words = shlex.split(self.line, comments=True)
        assert words[0] == "isthmus", f"a console block runs isthmus, not {words[0]}"
        return words[1:]

    @property
    def status(self) -> int:
        """The exit status that the page promises."""
        told = _STATUS.search(self.line)
        return int(told[1]) if told else 0

    @property
    def answers(self) -> str:
        """What is typed when it asks: what the page shows, else yes."""
        shown = _ANSWER.findall(self.shown)
        return "".join(f"{answer}\n" for answer in shown) if shown else "y\n"

    def difference(self, printed: str) -> str | None:
        """What the page shows and the command does not print; None if they agree."""
        if not self.shown:
            return None
        lines = [line.rstrip() for line in printed.rstrip().splitlines()]
        wanted = "\n".join(_pattern(line) for line in self.shown.rstrip().splitlines())
        if re.fullmatch(wanted.replace(_ANY_LINES + "\n", f"(?:{_ANY_LINES}\n)?"), "\n".join(lines)):
            return None
        return f"$ {self.line}\n--- the page\n{self.shown.rstrip()}\n--- the command\n{printed.rstrip()}\n"


_ANY_LINES = "(?s:.*)"
_GAP = re.compile(r"(?:\\ ){2,}")
"""Between two columns, which are as wide as what else is in them."""


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return _ANY_LINES
    found = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
    return _GAP.sub(" {2,}", found)


def typed_on(page: Path, names: Mapping[str, str]) -> Iterator[Typed]:
    """The commands of a page in order, with the names that it uses replaced by those of the world in which they are run."""
    for block in _BLOCK.findall(page.read_text("utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            for name, here in names.items():
                line = line.replace(name, here)
            yield Typed(line, shown.strip("\n"))


def as_on_the_page(printed: str, names: Mapping[str, str]) -> str:
    """What was printed, with the names of the page."""
    for name, here in names.items():
        printed = printed.replace(here, name)
    return printed
