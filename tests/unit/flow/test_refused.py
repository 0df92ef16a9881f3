"""What is said of a value that Salesforce refused."""

import pytest

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.side import Direction
from daemon.flow.refused import MASK, with_values

STEP = Step(
    "people",
    "Contact",
    Table("app", "person", ("id",), {"id": "bigint"}),
    Direction.PUSH,
    (
        Field("Email", "email", Kind.TEXT, Direction.PUSH),
        Field("Phone", "phone", Kind.TEXT, Direction.PUSH, sensitive=True),
        Field("Birthdate", "born", Kind.DATE, Direction.PUSH),
    ),
)


def refusal(message: str, *fields: str, kind: FailureKind = FailureKind.REJECTED) -> Failure:
    return Failure(kind, Reason.OTHER, "INVALID", message, "advice", fields)


@pytest.mark.requirement("S4-75")
@pytest.mark.parametrize(
    ("failure", "sent", "told"),
    [
        (refusal("invalid email", "Email"), {"Email": "x"}, "invalid email (sent: Email = 'x')"),
        (refusal("bad date 31.31."), {"Birthdate": "31.31."}, "bad date 31.31. (sent: Birthdate = '31.31.')"),
        (refusal("no phone: 555-0100", "Phone"), {"Phone": "555-0100"}, f"no phone: {MASK} (sent: Phone = {MASK})"),
        (refusal("required", "Email"), {"Email": None}, "required (sent: Email = nothing)"),
        (refusal("too long", "Email"), {"Email": "e" * 90}, f"too long (sent: Email = '{'e' * 80}' ...)"),
        (refusal("a rule says no"), {"Email": "x"}, "a rule says no"),
        (refusal("no answer", "Email", kind=FailureKind.UNKNOWN_OUTCOME), {"Email": "x"}, "no answer"),
    ],
)  # fmt: skip
def test_the_values_of_the_fields_in_question_are_named(
    failure: Failure, sent: dict[str, str | None], told: str
) -> None:
    assert with_values(STEP, failure, sent).message == told
