"""A YAML text that is edited where it stands: what an edit does not touch keeps every byte, comments and spelling included.

The parser tells where each value begins and ends, and pieces of text are put in or cut out there. A value that is put in is one line
(`{ salesforce: Phone, postgres: phone }`), but for an entry of a list of maps, which has a line for each of its keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from daemon.domain.failure import RefusedError
from daemon.settings.merge import Path, plain
from daemon.settings.source import Block, Scalar, Sequence, SourceError, Tree, parse

_WIDE: Final = 1_000_000  # characters to a line: what is put in is never wrapped


@dataclass(slots=True)
class Draft:
    """The text of one file of the configuration, under way from one state to the next. `name` stands for the file in errors."""

    text: str
    name: str

    def value(self, path: Path) -> Any:
        """What a path holds, as dicts, lists and atoms; None where there is nothing. Raises SourceError."""
        found: Tree | None = parse(self.text, self.name)
        for part in path:
            if isinstance(found, Block) and isinstance(part, str) and part in found.entries:
                found = found.entries[part].value
            elif isinstance(found, Sequence) and isinstance(part, int) and part < len(found.items):
                found = found.items[part]
            else:
                return None
        assert isinstance(found, Block | Sequence | Scalar)
        return plain(found)

    def set(self, path: Path, value: Any) -> None:
        """Put a value under a key; maps on the way are made where they are missing. Raises RefusedError.

        What stands there afterwards is looked at: a text that does not say what was to be set stays as it was.
        """
        former = self.text
        self._put(path, value)
        if not self._says(path, value):
            self.text = former
            raise self._refusal(
                f"{path[-1]} could not be set", "the value is written in a way that is not known"
            )

    def _says(self, path: Path, value: Any) -> bool:
        """Whether the text holds this value at a path."""
        try:
            return bool(self.value(path) == Draft(f"value: {_inline(value)}", self.name).value(("value",)))
        except SourceError:
            return False

    def _put(self, path: Path, value: Any) -> None:
        *way, last = path
        known, parent = self._reach(path), self._reach(tuple(way))
        if known is not None and parent is not None and _is_empty(known):  # a key with nothing behind it
            colon = self._behind(parent, last)
            self._splice(colon, colon, f" {_inline(value)}")
            return
        if known is not None:
            assert parent is not None
            self._replace(known, value, self._behind(parent, last))
            return
        if parent is None:
            self._put(tuple(way), {last: value})
        elif isinstance(parent, MappingNode) and isinstance(last, str):
            self._add_key(parent, last, value)
        else:
            raise self._refusal(f"{last} cannot be set there", "it is no map of keys")

    def append(self, path: Path, value: Any) -> None:
        """Add an entry to the end of a list; the list is made where it is missing. Raises RefusedError."""
        known = self._reach(path)
        if known is None:
            *way, last = path
            parent = self._reach(tuple(way))
            if not isinstance(parent, MappingNode) or parent.flow_style:
                self.set(path, [value])
                return
            self._add_key(parent, str(last), None)
            pad = " " * (_column(parent) + 2)
            end = self._line_end(_end(self._reached(tuple(way))))  # behind the new key
            self._splice(end, end, self._broken(f"\n{_entry(value, pad)}"))
        elif not isinstance(known, SequenceNode):
            raise self._refusal(f"nothing can be added to {path[-1]}", "it is no list")
        elif known.flow_style or not known.value:
            self._into_flow(known, _inline(value), "[", "]")
        else:
            end = self._line_end(_end(known))
            self._splice(end, end, self._broken(f"\n{_entry(value, ' ' * _column(known))}"))

    def remove(self, path: Path) -> None:
        """Cut out a key or an entry of a list, with the comment on its own lines. Nothing happens where there is none."""
        node = self._reach(path)
        if node is None:
            return
        parent = self._reached(path[:-1])
        if len(parent.value) == 1:
            behind = self._behind(self._reached(path[:-2]), path[-2]) if len(path) > 1 else 0
            self._replace(parent, [] if isinstance(parent, SequenceNode) else {}, behind)
            return
        place = _place(parent, path[-1])
        start, stop = _start(parent, place), _end(node)
        if _is_one_line(parent):
            if place:  # with the comma before it
                start = _end(_last(parent, place - 1))
            else:
                stop = _start(parent, 1)
            self._splice(start, stop, "")
            return
        begin = self.text.rfind("\n", 0, start) + 1
        if self.text[begin:start].strip(" -") or (
            isinstance(parent, MappingNode) and "-" in self.text[begin:start]
        ):
            raise self._refusal(
                f"{path[-1]} shares its line with something else", "only whole lines are cut out"
            )
        end = self._line_end(stop)
        self._splice(begin, min(end + 1, len(self.text)), "")

    # --- where things stand ------------------------------------------------------------------------------------

    def _reach(self, path: Path) -> Node | None:
        node: Node | None = _composed(self.text)
        for part in path:
            assert node is not None
            place = _place(node, part)
            if place < 0:
                return None
            start, node = _floor(node, place), _last(node, place)
            if node.start_mark.index < start:  # written elsewhere, under an anchor
                raise self._refusal(
                    f"{part} is an alias (*…)", "what is changed there is changed in other places too"
                )
        return node

    def _reached(self, path: Path) -> Node:
        node = self._reach(path)
        assert node is not None
        return node

    def _line_end(self, index: int) -> int:
        """The end of the line in which something ends, before its line break: a comment behind it stays behind it."""
        if index and self.text[index - 1] == "\n":  # a block of text ends with its last line
            return index - 1
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found - (self.text[found - 1] == "\r")

    def _splice(self, start: int, stop: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[stop:]

    def _broken(self, text: str) -> str:
        """Lines broken as the file breaks them."""
        return text.replace("\n", "\r\n") if "\r\n" in self.text else text

    def _behind(self, node: Node, part: str | int) -> int:
        """Where a child can begin at the earliest: behind the colon of its key, or behind the dash of an entry."""
        place = _place(node, part)
        if isinstance(node, MappingNode):
            return self.text.index(":", _floor(node, place)) + 1
        return _start(node, place)

    def _replace(self, node: Node, value: Any, behind: int) -> None:
        """Put a value in the place of another one, which can begin at `behind`. Comments between the two stay where they are."""
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            raise self._refusal("a block of text is not replaced", "its lines belong together")
        start, stop = node.start_mark.index, _end(node)
        written = _inline(value, node.style if isinstance(node, ScalarNode) else None)
        if isinstance(node, MappingNode | SequenceNode) and not node.flow_style:
            if "\n" not in self.text[behind:start]:
                self._splice(start, stop, written)
                return
            begin = self.text.rfind(
                "\n", 0, start
            )  # the lines of the block go, and the value stands with its key
            begin -= self.text[begin - 1] == "\r"
            self._splice(begin, self._line_end(stop) if self.text[stop - 1] == "\n" else stop, "")
            start, stop, written = behind, behind, f" {written}"
        self._splice(start, stop, written)

    def _add_key(self, parent: MappingNode, key: str, value: Any) -> None:
        written = f"{_inline(key)}:" if value is None else f"{_inline(key)}: {_inline(value)}"
        if parent.flow_style or not parent.value:
            self._into_flow(parent, written, "{", "}")
            return
        end = self._line_end(_end(parent))
        self._splice(end, end, self._broken(f"\n{' ' * _column(parent)}{written}"))

    def _into_flow(self, node: Node, written: str, left: str, right: str) -> None:
        if node.value:
            end = _end(_last(node, len(node.value) - 1))
            self._splice(end, end, f", {written}")
        else:
            self._splice(node.start_mark.index, node.end_mark.index, f"{left} {written} {right}")

    def _refusal(self, what: str, why: str) -> RefusedError:
        return RefusedError(
            what, f"{self.name}: {why}", "edit the file by hand, then run: isthmus config check --offline"
        )


@lru_cache(maxsize=2)
def _composed(text: str) -> Node | None:
    """The nodes of a text, which nobody changes. An edit looks at one text several times, and reading it is most of the work."""
    root: Node | None = YAML(typ="safe", pure=True).compose(text)
    return root


def _place(node: Node, part: str | int) -> int:
    """Which child of a node a part of a path names; -1 for none."""
    if isinstance(node, MappingNode):
        return next((place for place, (key, _) in enumerate(node.value) if key.value == part), -1)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return part
    return -1


def _last(node: Node, place: int) -> Node:
    child = node.value[place]
    found: Node = child[1] if isinstance(child, tuple) else child
    return found


def _start(node: Node, place: int) -> int:
    child = node.value[place]
    index: int = (child[0] if isinstance(child, tuple) else child).start_mark.index
    return index


def _floor(node: Node, place: int) -> int:
    """Where a child can begin at the earliest: behind its key, or with its list."""
    child = node.value[place]
    index: int = child[0].end_mark.index if isinstance(child, tuple) else node.start_mark.index
    return index


def _end(node: Node) -> int:
    """Where the text of a node ends. The parser lets a block end where the next thing begins; its last value knows better."""
    if isinstance(node, ScalarNode) or _is_one_line(node) or not node.value:
        index: int = node.end_mark.index
        return index
    place = len(node.value) - 1
    last = _last(node, place)
    if _is_empty(last):  # the parser looks for a value down to the next thing that is there
        return (_floor(node, place) if isinstance(node, MappingNode) else _start(node, place)) + 1
    return _end(last)


def _is_one_line(node: Node) -> bool:
    """Whether a map or list is written between brackets."""
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _column(node: Node) -> int:
    column: int = node.start_mark.column
    return column


def _inline(value: Any, style: str | None = None) -> str:
    """A value in one line, with the quotes that it needs, or those that stood there."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_inline(key)}: {_inline(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    if value is None:
        return "null"
    spelling = getattr(value, "spelling", None)
    if isinstance(spelling, str):
        return spelling
    if isinstance(value, str) and style == '"':
        return _dumped([value], quote=True)[1:-1]
    return _dumped([value])[1:-1]


def _dumped(value: Any, *, quote: bool = False) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = _WIDE
    yaml.allow_unicode = True
    if quote:
        yaml.default_style = '"'  # type: ignore[assignment]
    into = StringIO()
    yaml.dump(value, into)
    return into.getvalue().strip()


def _entry(value: Any, pad: str) -> str:
    """An entry of a list: a map with a name, or with lists of maps, gets a line a key, anything else one line."""
    if not isinstance(value, Mapping) or not ("name" in value or any(map(_is_list_of_maps, value.values()))):
        return f"{pad}- {_inline(value)}"
    lines = []
    for key, item in value.items():
        if _is_list_of_maps(item):
            lines += [f"{_inline(key)}:", *(f"  - {_inline(one)}" for one in item)]
        else:
            lines.append(f"{_inline(key)}: {_inline(item)}")
    return "\n".join(f"{pad}{'- ' if not place else '  '}{line}" for place, line in enumerate(lines))


def _is_list_of_maps(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )
