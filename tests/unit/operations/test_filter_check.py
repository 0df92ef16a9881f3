"""`config check` has both sides try the filters."""

from dataclasses import replace

import pytest

from daemon.domain.filter import Filter
from daemon.domain.mapping import Steps
from daemon.operations.check import filter_findings
from daemon.operations.finding import Level
from tests.support.road_steps import COMPANIES, PEOPLE
from tests.unit.operations.sides import KnownCatalogue, KnownDatabase


async def test_what_a_side_does_not_take_is_told_where_it_is_written() -> None:
    good = replace(COMPANIES, pull_filter=Filter("Name != null"), push_filter=Filter("city <> ''"))
    bad = replace(
        PEOPLE,
        pull_filter=Filter("Nope = 1", (), "isthmus.yaml:7", "steps[people].pull.filter"),
        push_filter=Filter("nope = 1", (), "isthmus.yaml:9", "filters.big"),
    )
    found = await filter_findings(Steps((good, bad)), KnownCatalogue(), KnownDatabase())
    assert [(each.level, each.where, each.path) for each in found] == [
        (Level.PROBLEM, "isthmus.yaml:7", "steps[people].pull.filter"),
        (Level.PROBLEM, "isthmus.yaml:9", "filters.big"),
    ]
    assert [each.what.partition(": ")[0] for each in found] == [
        "Salesforce does not take the filter of people",
        "PostgreSQL does not take the filter of people",
    ]


def routed(*whens: str) -> Steps:
    """A step for each destination, as the configuration makes them: each `when` after the first denies those before it."""
    names = tuple(f"rows.{place}" for place in range(len(whens)))
    steps = []
    for place, name in enumerate(names):
        denied = [f"({when}\n) IS NOT TRUE" for when in whens[:place] if when]
        condition = " AND ".join([f"({whens[place]}\n)", *denied])
        others = " AND ".join(f"({when}\n) IS NOT TRUE" for when in whens if when)
        made = Filter(condition, (), f"isthmus.yaml:{place}", f"destinations[{place}]")
        own = made if whens[place] else Filter(others)
        steps.append(replace(COMPANIES, name=name, family=names, routed_by=own))
    return Steps(tuple(steps))


@pytest.mark.parametrize(
    ("whens", "culprits"),
    [
        (("nope", "city"), ["isthmus.yaml:0"]),
        (("city", "nope"), ["isthmus.yaml:1"]),
        (("", "nope"), ["isthmus.yaml:1"]),
        (("nope", ""), ["isthmus.yaml:0"]),
        (("city", "", "nope"), ["isthmus.yaml:2"]),
        (("city", "rating"), []),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
async def test_the_first_when_that_is_not_taken_is_told_and_no_other(
    whens: tuple[str, ...], culprits: list[str], backwards: bool
) -> None:
    steps = routed(*whens)
    if backwards:
        steps = Steps(tuple(reversed(steps.ordered)))
    found = await filter_findings(steps, KnownCatalogue(), KnownDatabase())
    assert [each.where for each in found] == culprits


@pytest.mark.parametrize(
    ("condition", "when", "culprits"),
    [
        ("nope", "city", [("filter", "push.filter")]),
        ("city", "nope", [("`when`", "destinations[0]")]),
        ("nope", "nope", [("filter", "push.filter"), ("`when`", "destinations[0]")]),
    ],
)
async def test_a_filter_and_a_when_are_told_apart(
    condition: str, when: str, culprits: list[tuple[str, str]]
) -> None:
    [step] = routed(when).ordered
    filtered = replace(step, push_filter=Filter(condition, (), "isthmus.yaml:9", "push.filter"))
    found = await filter_findings(Steps((filtered,)), KnownCatalogue(), KnownDatabase())
    assert [(each.what.split()[5], each.path) for each in found] == culprits
