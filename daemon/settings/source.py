"""A YAML 1.2 file as a tree in which every key and value knows where it was written.

YAML 1.1 readers turn the country code `NO` into false, `12:30` into 750, and keep the last of two equal keys without a
word. This reader follows YAML 1.2, refuses a repeated key and every tag, and remembers how a number was spelled, so
that `062` or `62.0` can be read as the text it was. The parser's own messages are not shown as they are: they quote the
line, and a line may hold a secret.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError, MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from daemon.settings.errors import Origin, Problem

MAX_BYTES: Final = 1_048_576
MAX_NODES: Final = 100_000  # aliases can make a small file enormous
MAX_DEPTH: Final = 40

_TAG: Final = "tag:yaml.org,2002:"
_QUOTED: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_OTHER_YAML: Final = re.compile(r"^%YAML(?!\s+1\.2\s*$)", re.MULTILINE)


class SpelledInt(int):
    """A whole number that remembers how it was written."""

    spelling: str


class SpelledFloat(float):
    """A fraction that remembers how it was written."""

    spelling: str


Atom = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain value."""

    origin: Origin
    value: Atom


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    origin: Origin
    items: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a map, where the key stands, and what it holds."""

    origin: Origin
    value: "Tree"


@dataclass(frozen=True, slots=True)
class Block:
    """A map. Keys are text exactly as written."""

    origin: Origin
    entries: dict[str, Entry]


Tree = Scalar | Sequence | Block


class SourceError(Exception):
    """A file that is no readable YAML; the problems say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read(path: Path) -> Block:
    """The tree of a file. Raises SourceError."""
    name = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError([Problem(Origin(name), "", f"is larger than {MAX_BYTES} bytes", "split it")])
        text = path.read_text("utf-8")
    except FileNotFoundError:
        fix = "name it with -c FILE; deploy/config/isthmus.example.yaml is one to begin with"
        raise SourceError([Problem(Origin(name), "", "there is no such file", fix)]) from None
    except UnicodeDecodeError:
        raise SourceError([Problem(Origin(name), "", "is not UTF-8 text", "save it as UTF-8")]) from None
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise SourceError([Problem(Origin(name), "", what, "check its owner and mode")]) from None
    return parse(text, name)


def parse(text: str, name: str) -> Block:
    """The tree of a text; `name` stands for the file in origins. Raises SourceError."""
    if _OTHER_YAML.search(text):
        raise SourceError([Problem(Origin(name, 1), "", "asks for another YAML than 1.2", "remove %YAML")])
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH + 1  # the parser's own work grows with the square of the depth
    try:
        node = yaml.compose(text)
    except MaxDepthExceededError as error:
        raise SourceError([_too_deep(Origin(name, error.problem_mark.line + 1))]) from None
    except YAMLError as error:
        raise SourceError([_syntax(error, name)]) from None
    except ValueError:  # the scanner reads the numbers of escapes and directives without looking
        raise SourceError([Problem(Origin(name), "", "is not valid YAML")]) from None
    reader = _Reader(name)
    tree = reader.tree(node, 0) if node is not None else Scalar(Origin(name, 1), None)
    if isinstance(tree, Block):
        if reader.problems:
            raise SourceError(reader.problems)
        return tree
    fix = "begin with `version: 1`"
    raise SourceError([*reader.problems, Problem(tree.origin, "", "the file must be a map of keys", fix)])


def _too_deep(origin: Origin) -> Problem:
    return Problem(origin, "", f"is nested deeper than {MAX_DEPTH} levels", "flatten it")


def _syntax(error: YAMLError, name: str) -> Problem:
    """What the parser complains of, without any piece of the file's text."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line = mark.line + 1 if mark is not None else 0
    if isinstance(error, ComposerError) and "alias" in (error.problem or ""):
        fix = "put a text that begins with * in quotes"
        return Problem(Origin(name, line), "", "an alias that no anchor defines", fix)
    said = error.problem if isinstance(error, MarkedYAMLError) else "a character that YAML does not allow"
    said = _QUOTED.sub(_shortened, said or "something unexpected")
    return Problem(Origin(name, line), "", f"is not valid YAML: {said}")


def _shortened(quoted: re.Match[str]) -> str:
    """One letter, or the parser's own name of a token, may be shown; anything longer is the file's text."""
    text = quoted[1] or quoted[2] or ""
    return quoted[0] if len(text) <= 1 or text.startswith("<") else "'…'"


class _Reader:
    """Turns the parser's nodes into trees and collects what is wrong with them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0
        self.problems: list[Problem] = []

    def tree(self, node: Node, depth: int) -> Tree:
        origin = self._origin(node)
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise SourceError([*self.problems, _too_deep(origin)])
        if self._nodes > MAX_NODES:
            what = f"has more than {MAX_NODES} values with its aliases written out"
            raise SourceError([*self.problems, Problem(Origin(self._name), "", what, "use fewer aliases")])
        if isinstance(node, MappingNode):
            return self._block(node, origin, depth)
        if isinstance(node, SequenceNode):
            self._refuse_tag(node, origin, "seq")
            return Sequence(origin, tuple(self.tree(item, depth + 1) for item in node.value))
        assert isinstance(node, ScalarNode)
        return Scalar(origin, self._atom(node, origin))

    def _origin(self, node: Node) -> Origin:
        return Origin(self._name, node.start_mark.line + 1)

    def _refuse_tag(self, node: Node, origin: Origin, expected: str) -> None:
        if node.tag != _TAG + expected:
            self.problems.append(Problem(origin, "", "a YAML tag (!…) means nothing here", "remove the tag"))

    def _block(self, node: MappingNode, origin: Origin, depth: int) -> Block:
        self._refuse_tag(node, origin, "map")
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            where = self._origin(key)
            if not isinstance(key, ScalarNode):
                self.problems.append(Problem(where, "", "a key must be plain text", "write `key: value`"))
                continue
            if key.tag == _TAG + "merge":
                fix = "YAML 1.2 has no `<<`; write the keys out, or name a second file with -c"
                self.problems.append(Problem(where, "<<", "a merge key", fix))
                continue
            name = self._whole(key.value, where)
            first = entries.get(name)
            tree = self.tree(value, depth + 1)
            if first is not None:
                what = f"is written twice (first at line {first.origin.line})"
                self.problems.append(Problem(where, name, what, "keep one of them"))
                continue
            entries[name] = Entry(where, tree)
        return Block(origin, entries)

    def _whole(self, text: str, origin: Origin) -> str:
        try:
            return _joined(text)
        except UnicodeError:
            self.problems.append(
                Problem(origin, "", "holds half a letter (a lone surrogate)", "write the letter")
            )
            return ""

    def _atom(self, node: ScalarNode, origin: Origin) -> Atom:
        text: str = node.value
        kind = str(node.tag).removeprefix(_TAG)
        if kind in {"str", "timestamp", "value"}:
            return self._whole(text, origin)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in {"int", "float"}:
            return _number(text, whole=kind == "int")
        self._refuse_tag(node, origin, "str")
        return text


def _joined(text: str) -> str:
    """JSON's way to escape a letter beyond the sixteen-bit ones, two halves, made one. Raises UnicodeError for a half."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")


def _number(text: str, *, whole: bool) -> Atom:
    """A number with its spelling; text that only an older YAML would call a number stays text."""
    spelled: Any
    try:
        spelled = (
            SpelledInt(text, 0 if re.match(r"[-+]?0[xob]", text) else 10) if whole else SpelledFloat(text)
        )
    except ValueError:
        if not re.fullmatch(r"[-+]?\.(inf|nan)", text, re.IGNORECASE):
            return text
        spelled = SpelledFloat(text.replace(".", "", 1))
    spelled.spelling = text
    number: Atom = spelled
    return number
