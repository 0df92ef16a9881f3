"""References of which one is meant: a member is a contact or a lead, and its row has one column for both."""

from collections.abc import Iterable, Mapping, Sequence

from daemon.domain.mapping import Field
from daemon.domain.plan import Hold
from daemon.domain.value import Value, Values, is_blank
from daemon.reconcile.holds import skip


def chosen(
    fields: Sequence[Field],
    values: dict[str, Value],
    waiting: dict[str, str],
    row: Mapping[str, str | None],
    tables: Mapping[str, str],
) -> tuple[dict[str, Value], dict[str, str]]:
    """What a row says under each such name: the reference that is linked, and nothing of the others.

    While none is, it waits for the row that its column names (`table:key`), whatever that will be linked as; an empty column says nothing.
    """
    values, waiting = dict(values), dict(waiting)
    for group in groups(fields):
        known = {field.name for field in group if not is_blank(values.get(field.name))}
        for field in group:
            if field.name not in known:
                values.pop(field.name, None)
            if waiting.pop(field.name, None) is not None and not known and field is group[0]:
                waiting[field.name] = f"{tables[field.lookup or '']}:{row[field.column or '']}"
    return values, waiting


def groups(fields: Iterable[Field]) -> list[tuple[Field, ...]]:
    """The fields of each such name, in order."""
    found: dict[str, list[Field]] = {}
    for field in fields:
        if field.either is not None:
            found.setdefault(field.either, []).append(field)
    return [tuple(group) for group in found.values()]


def nobody(fields: Iterable[Field], values: Values, waiting: Mapping[str, str]) -> Hold | None:
    """A record none of whose references is filled, or None if each group has one."""
    for group in groups(fields):
        if all(is_blank(values.get(field.name)) and field.name not in waiting for field in group):
            names = " nor ".join(field.name for field in group)
            return skip(
                "mandatory_missing", f"Neither {names} has a value yet; the record goes when one has."
            )
    return None


def not_linked(fields: Iterable[Field], waiting: Mapping[str, str]) -> Hold | None:
    """A record that belongs to one which is not linked, and is to be left out for as long as that is so."""
    for field in fields:
        if field.linked_only and field.name in waiting:
            return skip(
                "reference_not_linked",
                f"{field.name} points to {waiting[field.name]}, which is not linked: its records stand still.",
            )
    return None
