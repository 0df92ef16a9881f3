"""What a step that brings people into a table must map: without a name and an address nobody could tell who a row is."""

from collections.abc import Iterator
from typing import Final

from daemon.domain.side import Direction
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import StepSettings

PERSON_OBJECTS: Final = frozenset({"contact", "lead"})
PEOPLE_TABLE: Final = "people"
MANDATORY_PAIRS: Final = {"FirstName": "first_name", "LastName": "last_name", "Email": "email"}
"""The fields, each with the column that it mostly goes with."""


def person_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """A pull of Contacts or Leads into a table `people` maps first name, last name and e-mail, each as text.

    A step that does not run may still lack them. The rule holds where a step is saved; what a file holds already goes on.
    """
    if not (step.runs and _brings_people(step)):
        return
    mapped = {field.salesforce.casefold(): index for index, field in enumerate(step.fields)}
    for name, column in MANDATORY_PAIRS.items():
        index = mapped.get(name.casefold())
        if index is None:
            what = f"people cannot be brought in without {name}, and the step does not map it"
            yield Complaint((*at, "fields"), what, f"add {{ salesforce: {name}, postgres: {column} }}")
            continue
        field = step.fields[index]
        if field.lookup is not None or field.values is not None:
            what = f"{name} goes as it is, text to text, and this pair translates it"
            fix = f"write {{ salesforce: {name}, postgres: {column} }}"
            yield Complaint((*at, "fields", index), what, fix)


def _brings_people(step: StepSettings) -> bool:
    named = step.postgres.table.rpartition(".")[2].strip('"')
    return (
        step.direction is Direction.PULL
        and step.salesforce.object.casefold() in PERSON_OBJECTS
        and named.casefold() == PEOPLE_TABLE
    )
