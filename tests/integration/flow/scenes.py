"""What many scenarios begin with."""

from typing import Any

from tests.support.road import Road, shift

LATER = 5.0
"""Seconds that put a change of the org into a second of its own."""


async def paired_company(road: Road, **values: Any) -> tuple[str, str]:
    """A company that both sides have and agree on: the row's key and the record's id."""
    key = await road.insert("company", **{"name": "Acme", "phone": "1", **values})
    await road.settle()
    link = await road.link("companies", key)
    await road.in_step()
    await road.forget_calls()
    shift(road, LATER)
    return key, link.sf_id


async def paired_person(road: Road, **values: Any) -> tuple[str, str]:
    """A person that both sides have and agree on."""
    key = await road.insert("person", **{"last_name": "Hill", **values})
    await road.settle()
    link = await road.link("people", key)
    await road.in_step()
    await road.forget_calls()
    shift(road, LATER)
    return key, link.sf_id


async def the_link(road: Road, sf_id: str) -> Any:
    """The link of a record."""
    async with road.parts.store.begin() as unit:
        return (await unit.links_of_records([sf_id]))[sf_id]
