"""The scenario of `--check`: what must be true of two systems that are kept in step, a function for each statement.

A step changes something as a user of that side would, and looks at the other side through clients that share no code with
the daemon. Where both sides must change before either change is seen, the daemon is held meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from daemon.compose.demo.agreement import differences
from daemon.compose.demo.cast import BAD_EMAIL, UNKNOWN_STATUS
from daemon.compose.demo.waiting import until
from daemon.compose.demo.world import Refuted, World, expect

Play: TypeAlias = Callable[[World], Awaitable[None]]
"""A step: raises Refuted or NotSeenError where something is not as it must be."""

_QUIET_SECONDS = 3.0
_BEYOND_WINDOW = 2.1
"""Seconds that make one of two changes surely the newer: the window of the configuration, and Salesforce's whole seconds."""


async def _first_load(world: World) -> None:
    cast = world.stage.cast
    (counts,) = await world.rows("counts")
    expect("the number of linked companies", counts["companies"], len(cast.accounts))
    expect("the number of linked people", counts["people"], len(cast.contacts))
    parked = {row["step"] for row in await world.rows("parked")}
    expect("the steps with parked records", parked, {"companies", "people"})


async def _create_in_salesforce(world: World) -> None:
    company, address = await world.some_company(), world.address()
    values = {"FirstName": "Iris", "LastName": "Thorne", "Email": address, "AccountId": company.record}
    await world.org.create("Contact", values)
    row = await world.one_row(address)
    expect("the row's names", (row["first_name"], row["last_name"]), ("Iris", "Thorne"))
    expect("the row's company", row["company_id"], company.key)


async def _create_in_postgres(world: World) -> None:
    company, address = await world.some_company(), world.address()
    await world.change("add_person", "Bram", "Feld", address, "Buyer", company.key)
    contact = await world.one_contact(address)
    expect("the Contact's names", (contact["FirstName"], contact["LastName"]), ("Bram", "Feld"))
    expect("the Contact's Account", contact["AccountId"], company.record)


async def _update_in_salesforce(world: World) -> None:
    person = await world.someone()
    await world.org.update("Contact", person.record, {"Title": "Head of Bridges"})
    await world.row_has(person, title="Head of Bridges")


async def _update_in_postgres(world: World) -> None:
    person = await world.someone()
    await world.change("set_title", person.key, "Head of Tunnels")
    await world.record_has(person, Title="Head of Tunnels")


async def _merge(world: World) -> None:
    person = await world.someone()
    world.stage.daemon.hold()
    await world.org.update("Contact", person.record, {"Title": "From Salesforce"})
    await world.change("set_phone", person.key, "+1 555 0100")
    world.stage.daemon.resume()
    await world.row_has(person, title="From Salesforce", phone="+1 555 0100")
    await world.record_has(person, Title="From Salesforce", Phone="+1 555 0100")


async def _conflict(world: World) -> None:
    person = await world.someone()
    world.stage.daemon.hold()
    await world.org.update("Contact", person.record, {"Title": "The older"})
    await asyncio.sleep(_BEYOND_WINDOW)
    await world.change("set_title", person.key, "The newer")
    world.stage.daemon.resume()
    await world.record_has(person, Title="The newer")
    await world.row_has(person, title="The newer")
    (entry,) = await until(
        world.stage.clock, "an entry in the ledger", lambda: world.rows("newest_conflict", person.record)
    )
    expect("the winner", entry["winner"], "postgres")
    expect("the values kept", (entry["salesforce"], entry["postgres"]), ("The older", "The newer"))


async def _null_clears(world: World) -> None:
    one, other = await world.someone(), await world.someone()
    await world.change("set_title", one.key, None)
    await world.org.update("Contact", other.record, {"Title": None})
    await world.record_has(one, Title=None)
    await world.row_has(other, title=None)


async def _empty_text_leaves_alone(world: World) -> None:
    person = await world.someone()
    before = (await world.org.get("Contact", person.record))["Title"]
    await world.change("set_title_and_phone", person.key, "", "+1 555 0101")
    await world.record_has(person, Phone="+1 555 0101")
    await world.settled()
    expect("the Title", (await world.org.get("Contact", person.record))["Title"], before)


async def _delete_and_undelete(world: World) -> None:
    person = await world.someone()

    async def gone() -> bool:
        return not await world.rows("person", person.key)

    await world.org.delete("Contact", person.record)
    await until(world.stage.clock, f"{person.name} gone from PostgreSQL", gone)
    await world.org.undelete(person.record)
    await until(
        world.stage.clock, f"{person.name} back under the old key", lambda: world.rows("person", person.key)
    )


async def _delete_in_postgres(world: World) -> None:
    person = await world.someone()

    async def gone() -> bool:
        return not await world.org.query(f"SELECT Id FROM Contact WHERE Id = '{person.record}'")  # noqa: S608 - SOQL

    await world.change("delete_person", person.key)
    await until(world.stage.clock, f"{person.name} gone from Salesforce", gone)


async def _family_from_postgres(world: World) -> None:
    address = world.address()
    (row,) = await world.rows(
        "add_company_with_person", "Pontoon Works", "https://pontoon.example", "Elio", "Dahl", address
    )
    account = await world.link_of("companies", row["company_id"])
    contact = await world.one_contact(address)
    if contact["AccountId"] is None:  # the two were written in two phases
        await until(world.stage.clock, f"the Account of {address}", lambda: _has_account(world, address))
        contact = await world.one_contact(address)
    expect("the Contact's Account", contact["AccountId"], account)


async def _has_account(world: World, address: str) -> bool:
    return (await world.one_contact(address))["AccountId"] is not None


async def _family_from_salesforce(world: World) -> None:
    address = world.address()
    account = await world.org.create("Account", {"Name": "Causeway Mills", "Type": "Prospect"})
    await world.org.create("Contact", {"LastName": "Visser", "Email": address, "AccountId": account})
    row = await world.one_row(address)
    (company,) = await world.rows("companies_by_name", "Causeway Mills")
    expect("the row's company", row["company_id"], company["id"])
    expect("the company's status", company["status"], "lead")


async def _parked(world: World) -> None:
    parked = {row["step"]: row for row in await world.rows("parked")}
    for step in ("companies", "people"):
        if not parked[step]["code"] or not parked[step]["advice"]:
            raise Refuted(f"the parked record of {step} does not say why, or what to do: {parked[step]}")
    await world.change("set_email", parked["people"]["key"], "zoltan@ember.example")
    await world.change("set_status", parked["companies"]["key"], "customer")

    async def empty() -> bool:
        return not await world.rows("parked")

    await until(world.stage.clock, f"{BAD_EMAIL} and {UNKNOWN_STATUS} mended and written", empty)
    await world.one_contact("zoltan@ember.example")
    await world.link_of("companies", parked["companies"]["key"])


async def _killed(world: World) -> None:
    one, other, address, second = (
        await world.someone(),
        await world.someone(),
        world.address(),
        world.address(),
    )
    await world.change("set_phone", one.key, "+1 555 0102")  # perhaps half done when the daemon dies
    await world.stage.daemon.kill()
    await world.change("set_title", one.key, "Changed meanwhile")
    await world.change("add_person", "Selma", "Bakke", address, None, None)
    await world.org.update("Contact", other.record, {"Title": "Also meanwhile"})
    await world.org.create("Contact", {"LastName": "Ueda", "Email": second})
    await world.stage.start_daemon()
    await world.record_has(one, Title="Changed meanwhile", Phone="+1 555 0102")
    await world.row_has(other, title="Also meanwhile")
    await world.settled()
    await world.one_contact(address)
    await world.one_row(second)


async def _agree(world: World) -> None:
    await world.settled()
    found = await differences(world.org, await world.rows("all_people"), await world.rows("all_companies"))
    if found:
        raise Refuted("\n".join([f"{len(found)} differences", *found[:8]]))


async def _quiet(world: World) -> None:
    await world.settled()
    before, rows = await world.org.writes(), await world.rows("written")
    await asyncio.sleep(_QUIET_SECONDS)
    expect("the number of writes to Salesforce", await world.org.writes(), before)
    expect("what was last written in PostgreSQL", await world.rows("written"), rows)


STEPS: Sequence[tuple[str, Play]] = (
    ("what both sides held is linked, and two records are parked", _first_load),
    ("a Contact made in Salesforce arrives", _create_in_salesforce),
    ("a row made in PostgreSQL arrives", _create_in_postgres),
    ("an update in Salesforce arrives", _update_in_salesforce),
    ("an update in PostgreSQL arrives", _update_in_postgres),
    ("different fields changed on both sides are merged", _merge),
    ("the same field changed on both sides: the newer wins, the other value is kept", _conflict),
    ("null clears the other side", _null_clears),
    ("an empty text leaves the other side alone", _empty_text_leaves_alone),
    ("a delete in Salesforce arrives, and an undelete finds its row's key again", _delete_and_undelete),
    ("a delete in PostgreSQL arrives", _delete_in_postgres),
    ("a company and its person, made together in PostgreSQL, keep together", _family_from_postgres),
    ("an Account and its Contact, made together in Salesforce, keep together", _family_from_salesforce),
    ("a parked record says why and what to do, and is written once mended", _parked),
    ("the daemon is killed, both sides change, it comes back: nothing is lost or doubled", _killed),
    ("every field of every record agrees", _agree),
    ("and then it is quiet: nothing more is written on either side", _quiet),
)
"""Each statement, and what shows it, in the order of play."""
