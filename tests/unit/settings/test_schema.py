import importlib
from pathlib import Path
from typing import Any

import pytest

from daemon.settings.load import load
from daemon.settings.merge import plain
from daemon.settings.schema import DIALECT, json_schema
from daemon.settings.source import parse, read
from tests.unit.settings.sample import TEXT, changed

jsonschema: Any = importlib.import_module("jsonschema")  # it ships no types
EXAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "config" / "isthmus.example.yaml"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def test_it_is_a_schema_and_accepts_what_the_loader_accepts(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    text = TEXT.replace("62.0", '"62.0"').replace("012", '"012"')
    jsonschema.Draft202012Validator(schema).validate(plain(parse(text, "f")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mandatory", "mandatry"),
        ("{ env: PGPASS }", "hunter2"),
        ("direction: pull", "direction: pul"),
        ("window: 5s", "window: 5 s"),
        ("conflict: true_wins", "conflict: false_wins"),
        ("flow: jwt", "flow: jw"),
    ],
)
def test_it_refuses_what_the_loader_refuses(schema: dict[str, Any], old: str, new: str) -> None:
    tree = plain(parse(changed((old, new)), "f"))
    assert not jsonschema.Draft202012Validator(schema).is_valid(tree)


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    parts = {"": schema, **schema["$defs"]}
    assert sum("properties" in part for part in parts.values()) > 1
    for name, part in parts.items():
        for key, described in part.get("properties", {}).items():
            reference = described.get("$ref", "").removeprefix("#/$defs/")
            assert described.get("description") or parts[reference].get("description"), f"{name}.{key}"


def test_the_example_is_accepted_by_both(schema: dict[str, Any]) -> None:
    loaded = load([EXAMPLE], {})
    assert loaded.steps
    jsonschema.Draft202012Validator(schema).validate(plain(read(EXAMPLE)))
