"""Person accounts: whether a step is to leave them out.

In an org that has them, a person is an Account and, at the same time, a Contact that can be neither written nor deleted. Mapped like a company, it would
become one; mapped like a contact, each write of it would fail. So they are left out, unless the step shows that it means them.
"""

from collections.abc import Collection
from typing import Final

from daemon.domain.mapping import PERSON_FIELD
from daemon.ports.salesforce import ObjectDescription

_NAME_PARTS: Final = frozenset({"FirstName", "LastName", "MiddleName", "Salutation", "Suffix"})


def tells_persons(described: ObjectDescription, mapped: Collection[str]) -> bool:
    """Whether records of the object say that they are person accounts, and the step maps no field that only those have."""
    return PERSON_FIELD in described.fields and not any(_meant(described.name, name) for name in mapped)


def _meant(name: str, field: str) -> bool:
    if field == PERSON_FIELD:
        return True
    return name == "Account" and (
        field in _NAME_PARTS or field.startswith("Person") or field.endswith("__pc")
    )
