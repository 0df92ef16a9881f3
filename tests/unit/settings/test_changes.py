"""What lies between two configurations."""

from daemon.settings.changes import changes
from daemon.settings.resolve import resolve, wanted_objects, wanted_tables
from tests.unit.settings.sample import OBJECTS, TABLES, TEXT, settings

PEOPLE = TEXT[TEXT.index("  - name: people") :]


def test_equal_configurations_differ_in_nothing() -> None:
    assert not changes(settings(), settings())


def test_steps_that_come_go_and_change_are_named_with_their_keys() -> None:
    found = changes(settings(), settings((PEOPLE, ""), ("direction: two_way", "direction: pull")))
    assert (found.added, found.removed) == ((), ("people",))
    assert found.changed == {"accounts": ("direction",)}
    assert (found.restart, found.moved) == ((), ())
    assert changes(settings((PEOPLE, "")), settings()).added == ("people",)


def test_a_change_of_the_defaults_concerns_every_step() -> None:
    found = changes(settings(), settings(("attempts: 8", "attempts: 9")))
    assert found.changed == {"accounts": ("defaults",), "people": ("defaults",)}


def test_what_needs_a_restart_is_named_by_its_path() -> None:
    found = changes(
        settings(), settings(("name: acme-prod", "name: other"), ("domain: acme.my", "domain: other.my"))
    )
    assert found.restart == ("name", "salesforce.domain")


def test_a_step_that_names_another_table_has_moved() -> None:
    assert changes(settings(), settings(("table: crm.people", "table: crm.persons"))).moved == ("people",)


def test_a_step_without_mappings_is_kept_and_is_not_run() -> None:
    without = settings((PEOPLE[PEOPLE.index("    fields:") :], ""))
    assert [step.name for step in without.steps] == ["accounts", "people"]
    found = resolve(without, OBJECTS, TABLES)
    assert found.steps is not None, found.problems
    assert list(found.steps.by_name) == ["accounts"]
    assert (wanted_objects(without), wanted_tables(without)) == (("Account",), ("crm.companies",))
    assert changes(settings(), without).removed == ("people",)
