"""The built-in profile: steps that nobody has to write, and that nobody may change in place."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files as packaged
from pathlib import Path as FilePath
from typing import Any, Final

from daemon.domain.failure import RefusedError
from daemon.settings.errors import Problem
from daemon.settings.merge import Origins, Path, merged, plain
from daemon.settings.source import Block, Scalar, Sequence, SourceError, Tree, parse, read

DEFAULT: Final = "default"
CUSTOM: Final = "custom"

_FOLDER = packaged("daemon.settings") / "profiles"
_FIXED: Final = ("steps", "filters", "defaults")
"""Sections that say how steps work."""
_CURE: Final = "write `profile: custom` and own the steps: `isthmus init --from-default` writes those of the profile into a file"
_ACTS: Final = {
    "enabled": "turned on or off",
    "fields": "given other mappings",
    "direction": "given another direction",
    "filter": "filtered",
}


def profile_text() -> str:
    """The profile's steps as a configuration writes them."""
    return (_FOLDER / "default.yaml").read_text("utf-8")


def tables_sql() -> str:
    """What makes the profile's tables, where they are not there yet."""
    return (_FOLDER / "default.sql").read_text("utf-8")


def table_statements() -> list[str]:
    """The statements of `tables_sql`, one by one."""
    return [statement for statement in tables_sql().split(";\n") if statement.strip()]


def starting_text() -> str:
    """A configuration with the built-in profile whose org and database are still to be filled in."""
    return (_FOLDER / "start.yaml").read_text("utf-8")


def custom_text() -> str:
    """The profile's steps as a file of one's own, to be merged over the file that names the org and the database."""
    lines = profile_text().splitlines()
    first = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    head = "# The steps of the default profile, as a file to edit: it stands after the file with the org and the database."
    return "\n".join([head, "profile: custom", "", *lines[first:], ""])


def profile_of(block: Block) -> Any:
    """The word that a configuration writes for its profile; None where it writes none."""
    entry = block.entries.get("profile")
    return entry.value.value if entry is not None and isinstance(entry.value, Scalar) else None


def refuse_fixed(files: Iterable[FilePath]) -> None:
    """Raises RefusedError where these files name the built-in profile, so that no step of it is edited by command."""
    try:
        blocks = [read(file) for file in files]
    except SourceError:
        return  # whoever reads them next says what is wrong with them
    if blocks and profile_of(merged(blocks)) == DEFAULT:
        raise RefusedError("no step is changed", "the default profile is fixed as a whole", _CURE)


def with_profile(block: Block) -> Block:
    """The configuration with the steps of the profile that it names, in the place of what it says of steps itself."""
    if profile_of(block) != DEFAULT:
        return block
    kept = {key: entry for key, entry in block.entries.items() if key not in _FIXED}
    return merged([_built_in(), Block(block.origin, kept)])


def profile_problems(block: Block, origins: Origins) -> Iterator[Problem]:
    """One refusal for each thing of the built-in profile that a configuration would change."""
    if profile_of(block) != DEFAULT:
        return
    for path, what in _changes(block):
        yield Problem(origins.of(path), origins.spoken(path), f"{what}: the default profile is fixed", _CURE)


def _changes(block: Block) -> Iterator[tuple[Path, str]]:
    for section in _written(block):
        value = block.entries[section].value
        if section != "steps" or not isinstance(value, Sequence) or not value.items:
            yield (section,), f"{section} cannot be set"
            continue
        for place, item in enumerate(value.items):
            yield from _step_changes(item, (section, place))


def _step_changes(item: Tree, at: Path) -> Iterator[tuple[Path, str]]:
    """What an entry under `steps` would do: to a step of the profile what its keys say, otherwise a step more."""
    known = {step["name"] for step in _steps()}
    entries = item.entries if isinstance(item, Block) else {}
    name = entries["name"].value if "name" in entries else None
    called = name.value if isinstance(name, Scalar) else None
    if called not in known:
        yield at, "no step can be added or duplicated"
        return
    keys = [key for key in entries if key != "name"]
    if not keys:
        yield at, f"the step {called} cannot be listed by itself: none can be deleted"
    for key in keys:
        inner = entries[key].value
        filtered = isinstance(inner, Block) and "filter" in inner.entries
        path = (*at, key, "filter") if filtered else (*at, key)
        act = _ACTS.get("filter" if filtered else key, f"changed in {key}")
        yield path, f"the step {called} cannot be {act}"


def _written(block: Block) -> list[str]:
    return [section for section in _FIXED if section in block.entries]


@cache
def _built_in() -> Block:
    return parse(profile_text(), "the default profile")


def _steps() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = plain(_built_in())["steps"]
    return steps
