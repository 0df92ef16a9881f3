"""From a plan's canonical values to the columns of a row."""

from daemon.domain.canonical import to_postgres
from daemon.domain.ids import key_parts
from daemon.domain.mapping import IdentifyKind, Step
from daemon.domain.plan import LinkAction, Operation
from daemon.domain.value import Values
from daemon.flow.pairing import Pair, identifier
from daemon.flow.views import References
from daemon.ports.store import RowWrite


def row_write(step: Step, pair: Pair, references: References) -> RowWrite | None:
    """The write to the user's table that a pair's plan asks for, identifiers included; None if there is none."""
    write = pair.plan.postgres
    if write is not None and write.operation is Operation.DELETE:
        return RowWrite(Operation.DELETE, key=pair.key)
    if write is not None and write.operation is Operation.CREATE:
        values = {**_new_identifiers(step, pair), **columns(step, write.values, references)}
        return RowWrite(Operation.CREATE, values | _key_columns(step, pair))
    values = _missing_identifiers(step, pair) | columns(step, write.values if write else {}, references)
    return RowWrite(Operation.UPDATE, values, pair.key) if values and pair.row is not None else None


def columns(step: Step, values: Values, references: References) -> dict[str, str | None]:
    """Columns' texts for canonical values. Constants have no column; references are known to be linked."""
    written: dict[str, str | None] = {}
    for name, value in values.items():
        field = step.by_name[name]
        if field.column is None or (field.either is not None and value is None):
            continue  # of two references that share a column, the empty one says nothing
        keys = references.keys_of(field) if field.lookup else None
        reading = to_postgres(field, value, keys)
        if not reading.absent:
            written[field.column] = None if reading.value is None else str(reading.value)
    return written


def _key_columns(step: Step, pair: Pair) -> dict[str, str | None]:
    """An undeleted record's row gets its old key back."""
    if pair.plan.link.key is None:
        return {}
    return dict(zip(step.table.key, key_parts(pair.plan.link.key, len(step.table.key)), strict=True))


def _new_identifiers(step: Step, pair: Pair) -> dict[str, str | None]:
    texts = {
        rule.column: identifier(rule, pair.seen)
        for rule in step.identify
        if rule.kind is not IdentifyKind.FIELD
    }
    return {
        column: text
        for column, text in texts.items()
        if text is not None and column not in step.table.generated
    }


def _missing_identifiers(step: Step, pair: Pair) -> dict[str, str | None]:
    """Identifiers that a row of this pair does not hold yet: the record's id, or the external id it was made with."""
    if (
        pair.row is None
        or pair.plan.link.action is LinkAction.KEEP
        or pair.plan.link.action is LinkAction.END
    ):
        return {}
    missing: dict[str, str | None] = {}
    sf_id = pair.plan.link.sf_id or pair.seen.sf_id
    for rule in step.identify:
        if rule.kind is IdentifyKind.SALESFORCE_ID and pair.row.values.get(rule.column) != sf_id:
            missing[rule.column] = sf_id
        if (
            rule.kind is IdentifyKind.EXTERNAL_ID
            and pair.row.values.get(rule.column) is None
            and pair.seen.external_id
        ):
            missing[rule.column] = pair.seen.external_id
    return missing
