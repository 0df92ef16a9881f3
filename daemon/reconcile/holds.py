"""Why a side is not written: the holds that several decisions share."""

from collections.abc import Iterable, Mapping

from daemon.domain.failure import Failure
from daemon.domain.mapping import Field
from daemon.domain.plan import Hold, Outcome
from daemon.domain.value import Values, is_blank


def skip(code: str, explanation: str) -> Hold:
    """Left alone on purpose."""
    return Hold(Outcome.SKIP, code, explanation)


def parked(failure: Failure) -> Hold:
    """A value that the other side cannot be given."""
    return Hold(Outcome.PARK, failure.code, failure.message, failure.advice, failure.reason)


def waits(references: Mapping[str, str]) -> Hold:
    """Points to a record that is not linked yet."""
    name, reference = next(iter(sorted(references.items())))
    return Hold(
        Outcome.WAIT,
        "waiting_for_reference",
        f"{name} points to {reference}, which is not linked yet.",
        "It goes on by itself once that record is linked.",
        waiting_for=reference,
    )


def mandatory(fields: Iterable[Field], values: Values) -> Hold | None:
    """A mandatory field without a value: the record waits quietly until it has one."""
    missing = [field.name for field in fields if field.mandatory and is_blank(values.get(field.name))]
    if not missing:
        return None
    return skip(
        "mandatory_missing", f"{', '.join(missing)} has no value yet; the record goes when it has one."
    )
