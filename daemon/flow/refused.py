"""What Salesforce refused, named with the value that it refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from daemon.domain.failure import Failure, FailureKind
from daemon.domain.mapping import Field, Step
from daemon.domain.value import Raw

MASK: Final = "•••"
MOST: Final = 80
"""So many characters of a value are shown."""
_TELLING: Final = 3
"""A value of fewer characters may stand in a message by chance."""
_OF_A_VALUE: Final = frozenset({FailureKind.REJECTED, FailureKind.DUPLICATE, FailureKind.REFERENCE})


def with_values(step: Step, failure: Failure, sent: Mapping[str, Raw]) -> Failure:
    """The failure with the sent values of the fields that it is about: those it names, or whose value it quotes.

    Values of sensitive fields are masked, also where Salesforce quotes them.
    """
    if failure.kind not in _OF_A_VALUE:
        return failure
    message = failure.message
    told: list[str] = []
    for name, raw in sent.items():
        field, text = step.by_name.get(name), _text(raw)
        quoted = len(text) >= _TELLING and text in failure.message
        if _hidden(field) and quoted:
            message = message.replace(text, MASK)
        if name in failure.fields or quoted:
            told.append(f"{name} = {shown(field, text)}")
    return replace(failure, message=f"{message} (sent: {'; '.join(told)})") if told else failure


def _hidden(field: Field | None) -> bool:
    return field is not None and field.sensitive


def shown(field: Field | None, text: str) -> str:
    """A value as a message tells it: quoted and cut, or masked where the field is sensitive."""
    if not text:
        return "nothing"
    if _hidden(field):
        return MASK
    return f"{text[:MOST]!r}{' ...' if len(text) > MOST else ''}"


def _text(raw: Raw) -> str:
    return "" if raw is None else str(raw)
