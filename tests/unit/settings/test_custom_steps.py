"""Steps that a configuration adds: people with contacts and leads, either way, and many of them."""

import pytest

from daemon.domain.side import Direction
from daemon.settings.load import loads
from daemon.settings.resolve import resolve
from tests.unit.settings.sample import CONTACT, TABLES, TEXT, an_object, field

HEAD = TEXT[: TEXT.index("steps:\n")]
LEAD = an_object(
    "Lead",
    *CONTACT.fields.values(),
    field("Company", length=255, nillable=False),
)


def step(name: str, made: str, table: str, direction: Direction) -> str:
    company = (
        "\n      - { salesforce: Company, const: Acme }"
        if (made, direction) == ("Lead", Direction.PUSH)
        else ""
    )
    return f"""\
  - name: {name}
    salesforce: {{ object: {made} }}
    postgres: {{ table: {table} }}
    direction: {direction.value}
    identify: [{{ external_id: {{ salesforce: Person_Key__c, postgres: key }} }}]
    fields:
      - {{ salesforce: LastName, postgres: last_name }}{company}
"""


@pytest.mark.parametrize(
    ("made", "direction"),
    [
        pytest.param("Contact", Direction.PULL, marks=pytest.mark.requirement("S1-34")),
        pytest.param("Lead", Direction.PULL, marks=pytest.mark.requirement("S1-35")),
        pytest.param("Contact", Direction.PUSH, marks=pytest.mark.requirement("S1-36")),
        pytest.param("Lead", Direction.PUSH, marks=pytest.mark.requirement("S1-37")),
    ],
)
def test_people_can_be_pulled_from_and_pushed_to_contacts_and_leads(made: str, direction: Direction) -> None:
    written = step("added", made, "crm.people", direction)
    settings = loads(HEAD + "steps:\n" + written, {})
    resolution = resolve(settings, {"Contact": CONTACT, "Lead": LEAD}, TABLES)
    assert resolution.steps is not None, resolution.problems
    added = resolution.steps.by_name["added"]
    assert (added.object, added.table.name, added.direction) == (made, "people", direction)


def test_five_hundred_steps_are_read() -> None:
    written = "".join(
        step(f"step_{number}", "Contact", f"crm.people_{number}", Direction.PULL) for number in range(500)
    )
    assert len(loads(HEAD + "steps:\n" + written, {}).steps) == 500


def test_an_object_that_is_not_there_is_refused_with_the_nearest() -> None:
    settings = loads(HEAD + "steps:\n" + step("added", "Contakt", "crm.people", Direction.PUSH), {})
    found = resolve(settings, {"Contact": CONTACT}, TABLES)
    assert found.steps is None
    assert "did you mean Contact?" in str(found.problems[0])
