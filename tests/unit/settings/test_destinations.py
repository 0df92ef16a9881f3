"""Steps with several destinations: what runs for them, and what is refused."""

import pytest

from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.models import Settings
from daemon.settings.resolution.destinations import family_of
from daemon.settings.resolve import resolve
from tests.unit.settings.sample import TEXT, a_table, an_object, column
from tests.unit.settings.sample import field as described

HEAD = TEXT[: TEXT.index("steps:")]
STEP = """\
steps:
  - name: them
    destinations: [ { object: Contact, when: "phone = 'yes'" }, { object: Lead, otherwise: true } ]
    postgres: { table: crm.people }
    direction: push
    push: { behaviour: update_or_create }
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields:
      - { salesforce: LastName, postgres: last_name }
      - { salesforce: Company, postgres: company, only: Lead }
  - name: calls
    salesforce: { object: Task }
    postgres: { table: crm.calls }
    direction: push
    depends_on: [them]
    fields:
      - { salesforce: WhoId, postgres: person, lookup: { step: them } }
"""


def read(*changes: tuple[str, str]) -> Settings:
    text = HEAD + STEP
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return loads(text, {})


def test_each_destination_has_a_step_with_the_fields_that_are_its_own() -> None:
    contact, lead, calls = read().steps
    assert [(s.name, s.salesforce.object) for s in (contact, lead)] == [
        ("them_contact", "Contact"),
        ("them_lead", "Lead"),
    ]
    assert [field.salesforce for field in contact.fields] == ["LastName"]
    assert [field.salesforce for field in lead.fields] == ["LastName", "Company"]
    assert family_of(contact) == family_of(lead) == ("them_contact", "them_lead")
    assert (lead.depends_on, lead.converted_lead) == (("them_contact",), "follow_contact")
    assert calls.depends_on == ("them_contact", "them_lead")
    assert calls.fields[0].lookup is not None
    assert calls.fields[0].lookup.steps == ("them_contact", "them_lead")
    assert family_of(calls) == ()


def test_a_lead_that_is_converted_goes_where_the_step_says() -> None:
    _, lead, _ = read(("direction: push", "direction: push\n    converted_lead: ignore")).steps
    assert lead.converted_lead == "ignore"
    assert read(("object: Contact", "object: Account")).steps[1].converted_lead == "follow_account"


BY_EMAIL = "field: { salesforce: Email, postgres: email }"
BY_KEY = "external_id: { salesforce: Key__c, postgres: key }"
ONLY_UPDATES = ("behaviour: update_or_create", "behaviour: update_only")
BARE = (", when: \"phone = 'yes'\"", ""), (", otherwise: true", "")


@pytest.mark.requirement("S4-46")
@pytest.mark.parametrize("rule", [BY_KEY, BY_EMAIL, "salesforce_id: sf_id"])
def test_a_lead_or_contact_is_named_by_each_key(rule: str) -> None:
    assert len(read(ONLY_UPDATES, *BARE, (BY_KEY, rule)).steps) == 3


@pytest.mark.requirement("S4-50")
@pytest.mark.parametrize("rule", [BY_KEY, "salesforce_id: sf_id"])
def test_a_lead_or_account_is_named_by_an_id_and_not_by_an_address(rule: str) -> None:
    account = ("object: Contact", "object: Account")
    assert len(read(ONLY_UPDATES, *BARE, account, (BY_KEY, rule)).steps) == 3
    with pytest.raises(SettingsError) as caught:
        read(ONLY_UPDATES, *BARE, account, (BY_KEY, BY_EMAIL))
    assert "Email does not identify records of both Account and Lead" in str(caught.value.why)


REFUSED = [
    ((", { object: Lead, otherwise: true }", ""), "destinations are a list of two different objects"),
    (
        ("object: Lead, otherwise", "object: Contact, otherwise"),
        "destinations are a list of two different objects",
    ),
    (("object: Contact", "object: Case"), "rows cannot be divided between Case and Lead"),
    (
        ("direction: push", "direction: push\n    salesforce: { object: Lead }"),
        "destinations name the objects already",
    ),
    (("only: Lead", "only: Account"), "Account is no destination of this step"),
    (("person, lookup", "person, only: Lead, lookup"), "Lead is no destination of this step"),
    (
        ("behaviour: update_or_create", "behaviour: create_only"),
        "create_only does not go with several destinations",
    ),
    (ONLY_UPDATES, "this step makes none"),
    ((", otherwise: true", ""), "nothing says which rows become a Lead"),
    (("otherwise: true", "otherwise: true, when: 'true'"), "exclude each other"),
    (("when: \"phone = 'yes'\"", "otherwise: true"), "otherwise needs another destination that says when"),
    (("phone = 'yes'", "phone = 'yes"), "brackets or quotes do not match"),
    ((BY_KEY, "field: { salesforce: Phone, postgres: phone }"), "Phone does not identify records of both"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_destinations_cannot_be_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(change)
    assert all(said in str(problem) for problem in caught.value.problems), caught.value.why


KEY = described("Key__c", length=40, external_id=True, unique=True, id_lookup=True)
LAST = described("LastName", length=80, nillable=False)
CRM_PEOPLE = a_table(
    "people",
    column("id", "bigint", nullable=False, default=True),
    column("key"),
    column("last_name"),
    column("company"),
    column("phone"),
)


@pytest.mark.requirement("S4-26")
@pytest.mark.parametrize("lacking", [None, "Contact", "Lead"])
def test_the_external_id_is_one_that_both_objects_have(lacking: str | None) -> None:
    text = HEAD + STEP[: STEP.index("  - name: calls")]
    objects = {
        name: an_object(name, LAST, *more, *([] if name == lacking else [KEY]))
        for name, more in {"Contact": (), "Lead": (described("Company", nillable=False),)}.items()
    }
    resolution = resolve(loads(text, {}), objects, {"crm.people": CRM_PEOPLE})
    told = [str(problem) for problem in resolution.problems]
    if lacking is None:
        assert told == []
    else:
        assert any(f"{lacking} has no field Key__c" in line for line in told), told
        assert resolution.steps is None
