"""How a type is spelled where people, and comparisons, need all that matters of it in a few letters."""

from daemon.domain.drift import MappedTypes
from daemon.domain.mapping import Field
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import FieldDescription, ObjectDescription


def salesforce_type(field: FieldDescription | None) -> str:
    """A field's type with its length or digits, such as `string(255)` or `currency(16,2)`; empty for no field."""
    if field is None:
        return ""
    if field.precision:
        return f"{field.type}({field.precision},{field.scale})"
    size = field.length or field.digits
    return f"{field.type}({size})" if size else field.type


def mapped_types(field: Field, described: ObjectDescription, table: TableDescription) -> MappedTypes:
    """A mapping that works, as it is remembered."""
    column = table.columns.get(field.column) if field.column is not None else None
    return MappedTypes(
        field.column,
        salesforce_type(described.fields.get(field.name)),
        column.type if column is not None else "",
        field.direction,
    )
