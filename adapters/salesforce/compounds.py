"""Compound fields: nested in an event, flat in REST.

Salesforce documents that an event nests the parts of names, addresses and geolocations (`BillingAddress.City`), where
REST has a field for each (`BillingCity`); a custom geolocation `Place__c` has `Place__Latitude__s`.
"""

from typing import Final

NAME: Final = "Name"
_ADDRESS: Final = "Address"
_CUSTOM: Final = "__c"

NAME_PARTS: Final = ("Salutation", "FirstName", "MiddleName", "LastName", "Suffix")
_ADDRESS_PARTS: Final = (
    "Street",
    "City",
    "State",
    "StateCode",
    "PostalCode",
    "Country",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)
_PEOPLE: Final = frozenset({"Contact", "Lead", "User"})


def part_name(parent: str, part: str) -> str:
    """The REST name of one part of a compound field."""
    if parent == NAME:
        return part
    if parent.endswith(_CUSTOM):
        return f"{parent.removesuffix(_CUSTOM)}__{part}__s"
    if parent.endswith(_ADDRESS):
        return parent.removesuffix(_ADDRESS) + part
    return f"{parent}{part}"


def standard_parts(entity: str, parent: str) -> tuple[str, ...]:
    """The REST names of the parts that a standard compound field has; empty if it is none, or if nobody can say."""
    if parent == NAME:
        return NAME_PARTS if entity in _PEOPLE else ()
    if parent.endswith(_ADDRESS):
        return tuple(part_name(parent, part) for part in _ADDRESS_PARTS)
    return ()
