"""Several files as one: what a later file says wins, and every value still knows the file it came from.

Maps merge key by key. Lists of named things (steps, tokens) merge by name: a known name changes that entry, a new one adds to
the list. Any other list is replaced whole, for half of an identify list or of a key means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from daemon.settings.errors import Origin
from daemon.settings.source import Block, Entry, Scalar, Sequence, Tree

Path = tuple[str | int, ...]


def merged(blocks: list[Block]) -> Block:
    """The files' trees merged from left to right."""
    return reduce(_blocks, blocks)


def _trees(base: Tree, over: Tree) -> Tree:
    if isinstance(base, Block) and isinstance(over, Block):
        return _blocks(base, over)
    if isinstance(base, Sequence) and isinstance(over, Sequence) and _named(base) and _named(over):
        return _lists(base, over)
    return over


def _blocks(base: Block, over: Block) -> Block:
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        known = entries.get(key)
        entries[key] = entry if known is None else Entry(entry.origin, _trees(known.value, entry.value))
    return Block(over.origin, entries)


def _lists(base: Sequence, over: Sequence) -> Sequence:
    items = list(base.items)
    places: dict[str | None, int] = {}
    for index, item in enumerate(items):
        places.setdefault(name_of(item), index)
    for item in over.items:
        place = places.get(name_of(item))
        if place is None:
            items.append(item)
        else:
            items[place] = _trees(items[place], item)
    return Sequence(over.origin, tuple(items))


def _named(sequence: Sequence) -> bool:
    return bool(sequence.items) and all(name_of(item) is not None for item in sequence.items)


def name_of(tree: Tree) -> str | None:
    """The `name` of an entry of a list, if it has one."""
    if isinstance(tree, Block) and (entry := tree.entries.get("name")) is not None:
        value = entry.value
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return value.value
    return None


def plain(tree: Tree) -> Any:
    """The tree as Python's own dicts and lists, for the models to validate."""
    if isinstance(tree, Block):
        return {key: plain(entry.value) for key, entry in tree.entries.items()}
    if isinstance(tree, Sequence):
        return [plain(item) for item in tree.items]
    return tree.value


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each value of a merged configuration was written, by its path."""

    places: Mapping[Path, Origin]
    names: Mapping[Path, str]  # of entries of lists that have one

    def of(self, path: Path) -> Origin:
        """The origin of a path, or of the nearest part of the way to it that was written."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return Origin("(built in)")

    def spoken(self, path: Path) -> str:
        """A path for people: `steps[accounts].fields[1].direction`."""
        text = ""
        for length, part in enumerate(path, 1):
            if isinstance(part, int):
                text += f"[{self.names.get(path[:length], part)}]"
            else:
                text += f".{part}" if text else part
        return text


def origins(tree: Block) -> Origins:
    """The origins of a tree: a key's own line for what a key holds."""
    places: dict[Path, Origin] = {(): tree.origin}
    names: dict[Path, str] = {}
    _collect(tree, (), places, names)
    return Origins(places, names)


def _collect(tree: Tree, path: Path, places: dict[Path, Origin], names: dict[Path, str]) -> None:
    if isinstance(tree, Block):
        for key, entry in tree.entries.items():
            places[*path, key] = entry.origin
            _collect(entry.value, (*path, key), places, names)
    elif isinstance(tree, Sequence):
        for index, item in enumerate(tree.items):
            places[*path, index] = item.origin
            if (name := name_of(item)) is not None:
                names[*path, index] = name
            _collect(item, (*path, index), places, names)
