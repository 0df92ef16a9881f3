"""What to expect of a step: how many records and rows are synced, how many are not, and why.

Salesforce counts (at most three COUNT() queries, whatever the size of the object) and PostgreSQL counts set-wise, one after the other: on a busy step
the two are a moment apart, so what is left over is told as such and never below nought.
"""

from collections.abc import Mapping
from typing import Any, Final

from daemon.domain.mapping import PERSON_FIELD, Step
from daemon.domain.policy import ConvertedLead
from daemon.operations.office import Office
from daemon.ports.comparing import Population
from daemon.ports.salesforce import Records

MEANINGS: Final[Mapping[str, str]] = {
    "person_account": "It is a person account, and the step maps companies or contacts.",
    "converted_lead": "The lead was converted; with `converted_lead: ignore` such leads come in.",
    "outside_filter": "The step's filter leaves it out.",
    "blocked": "An operator blocked the pair.",
    "unlinked": "An operator parted the pair.",
    "broken": "Its other half is gone, and it was kept.",
    "parked": "It could not be applied, and waits for a person: isthmus parked list.",
    "waiting": "A change of it is on its way, or waits for another record.",
    "on_request": "Records are made only on request: isthmus record push.",
    "no_match": "Nothing on the other side matches, and the step makes nothing there.",
    "not_pushed": "The step only pulls: rows make no records.",
    "not_pulled": "The step only pushes: records make no rows.",
    "not_seen": "Nobody has looked at it yet: isthmus step load reads it.",
}
_ENDED: Final = ("blocked", "broken", "unlinked")


async def expectations(office: Office, name: str) -> dict[str, Any]:
    """Both sides of a step in numbers. `not_synced` gives each reason with its number; reasons that count nothing are left out."""
    step = office.step(name)
    async with office.comparisons.look() as look:
        population = await look.population(step)
    total, left_out = await _counted(office.parts.records, step)
    linked = population.links.get("linked", 0)
    records, rows = records_left(step, total, left_out, population), rows_left(step, population)
    codes = records.keys() | rows.keys()
    return {
        "step": step.name,
        "salesforce": {"object": step.object, "records": total, "synced": linked, "not_synced": records},
        "postgres": {
            "table": step.table.qualified,
            "rows": population.rows,
            "synced": max(0, population.rows - sum(rows.values())),
            "not_synced": rows,
        },
        "meanings": {code: MEANINGS[code] for code in MEANINGS if code in codes},
    }


async def _counted(records: Records, step: Step) -> tuple[int, dict[str, int]]:
    """How many records there are, and how many of them the step leaves out for what they are. At most three calls."""
    total = await records.count(step.object)
    left_out: dict[str, int] = {}
    mark = _mark(step)
    if mark is not None:
        code, field = mark
        left_out[code] = await records.count(step.object, f"{field} = true")
    if step.pull_filter is not None:
        rest = f" AND {mark[1]} = false" if mark is not None else ""
        inside = await records.count(step.object, f"({step.soql}){rest}")
        left_out["outside_filter"] = max(0, total - sum(left_out.values()) - inside)
    return total, left_out


def _mark(step: Step) -> tuple[str, str] | None:
    """The field that tells records which never come in, and the reason. No object has both."""
    if step.tells_persons:
        return "person_account", PERSON_FIELD
    if step.object == "Lead" and step.converted_lead is not ConvertedLead.IGNORE:
        return "converted_lead", "IsConverted"
    return None


def records_left(
    step: Step, total: int, left_out: Mapping[str, int], population: Population
) -> dict[str, int]:
    """Records that are not synced, by reason. What no reason accounts for was not looked at, or matches nothing."""
    found = dict(left_out)
    links, stored = population.links, population.stored
    found |= {state: links.get(state, 0) for state in _ENDED}
    found["parked"] = stored.get("parked", 0)
    found["waiting"] = sum(number for state, number in stored.items() if state != "parked")
    rest = total - links.get("linked", 0) - sum(found.values())
    found[_unexplained_record(step)] = max(0, rest)
    return _told(found)


def rows_left(step: Step, population: Population) -> dict[str, int]:
    """Rows that are not synced, by reason."""
    found: dict[str, int] = {}
    for reason, number in population.unsynced.items():
        code = reason or _unexplained_row(step)
        found[code] = found.get(code, 0) + number
    return _told(found)


def _unexplained_record(step: Step) -> str:
    if not step.direction.pulls:
        return "not_pulled"
    return "not_seen" if step.pull.creates else "no_match"


def _unexplained_row(step: Step) -> str:
    if not step.direction.pushes:
        return "not_pushed"
    if step.on_request:
        return "on_request"
    return "not_seen" if step.push.creates else "no_match"


def _told(found: Mapping[str, int]) -> dict[str, int]:
    return {code: number for code, number in sorted(found.items(), key=lambda item: -item[1]) if number}
