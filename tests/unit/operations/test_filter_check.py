"""`config check` has both sides try the filters."""

from dataclasses import replace

from daemon.domain.filter import Filter
from daemon.domain.mapping import Steps
from daemon.operations.check import Level, filter_findings
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
