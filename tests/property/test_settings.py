"""The loader answers any tree with settings or with problems, each with a place; nothing else comes out of it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.settings.errors import Problem, SettingsError
from daemon.settings.load import loads
from daemon.settings.merge import plain
from daemon.settings.source import SourceError, parse
from tests.unit.settings.sample import TEXT

SAMPLE: dict[str, Any] = json.loads(json.dumps(plain(parse(TEXT, "sample"))))
_words = st.sampled_from(
    [
        "name",
        "steps",
        "fields",
        "salesforce",
        "postgres",
        "direction",
        "conflict",
        "policy",
        "values",
        "map",
        "file",
        "env",
        "auth",
        "flow",
        "jwt",
        "push_choice",
        "lookup",
        "step",
        "depends_on",
        "identify",
        "external_id",
        "retry",
        "version",
    ]
)
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | _words
)
_trees = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_words | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)


def _answer(text: str) -> None:
    for problem in _problems(text):
        assert problem.what
        assert problem.origin.file


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        loads(text, {})
    except SettingsError as error:
        return error.problems
    return ()


def _dump(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=True)


@given(_trees)
def test_any_tree_is_answered(tree: Any) -> None:
    _answer(_dump(tree))


@given(st.text(max_size=60) | st.text(alphabet="a:- [{]}&*!|>'\"%@\n\t?,#0.", max_size=40))
def test_any_text_is_answered(text: str) -> None:
    _answer(text)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for key, part in inner for found in _paths(part, (*path, key)))]


_PATHS = [path for path in _paths(SAMPLE) if path]


@given(st.sampled_from(_PATHS), _trees)
def test_a_good_configuration_with_one_part_replaced_is_answered(path: tuple[Any, ...], part: Any) -> None:
    tree = json.loads(json.dumps(SAMPLE))
    place = tree
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = part
    _answer(_dump(tree))


@given(_trees)
def test_a_tree_keeps_its_values(tree: Any) -> None:
    try:
        read = plain(parse(_dump({"top": tree}), "f"))
    except SourceError:
        return
    assert repr(read["top"]) == repr(json.loads(json.dumps(tree)))
