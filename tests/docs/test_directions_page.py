"""The page about directions tells what the code does: its configuration, its reasons, and a test for each sentence."""

import ast
import re
from pathlib import Path

import pytest

from daemon.operations.expectations import MEANINGS
from daemon.settings.load import loads

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "how-to" / "directions.md").read_text(encoding="utf-8")
FLOW = ROOT / "tests" / "integration" / "flow"
SECTIONS = ("Accounts", "Opportunities", "Campaigns", "Leads and contacts", "Events")


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found.group(1)


def rows(heading: str) -> list[list[str]]:
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(name: str) -> set[str]:
    tree = ast.parse((FLOW / f"{name}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}


@pytest.mark.requirement("S2-12", "S2-13", "S2-14", "S2-15", "S2-16", "S2-17", "S2-18", "S2-19")
def test_the_configuration_of_the_page_has_its_directions() -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    steps = loads(text, {}, "isthmus.yaml").steps
    told = {name: (sf_object, direction) for name, sf_object, direction, _ in rows("The directions")}
    assert told == {step.name: (step.salesforce.object, step.direction.value) for step in steps}
    fields = {(step.name, field.salesforce): field.direction for step in steps for field in step.fields}
    assert fields["leads", "Score__c"] == "push"
    assert fields["contacts", "Tier__c"] is None, "a custom field goes the way of its step"


@pytest.mark.requirement("S2-26", "S2-27", "S2-28", "S2-29")
@pytest.mark.parametrize("heading", ["The directions", "An edit on the wrong side", *SECTIONS])
def test_each_sentence_names_a_test_that_is_there(heading: str) -> None:
    told = rows(heading)
    assert told
    for row in told:
        named = re.fullmatch(r"`(\w+)::(\w+)`", row[-1])
        assert named is not None, row
        assert named.group(2) in names_in(named.group(1)), row[-1]


@pytest.mark.requirement("S2-26", "S2-27", "S2-28", "S2-29")
@pytest.mark.parametrize("heading", SECTIONS[1:])
def test_each_direction_of_a_kind_of_record_has_its_rules(heading: str) -> None:
    assert {row[0] for row in rows(heading)} - {"both"} == {"pull", "push"}


@pytest.mark.requirement("S2-35")
def test_the_page_explains_every_reason_of_the_report() -> None:
    assert [(row[0].strip("`"), row[1]) for row in rows("What to expect")] == [
        (code, meaning) for code, meaning in MEANINGS.items()
    ]
