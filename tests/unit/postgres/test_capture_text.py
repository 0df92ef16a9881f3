"""The text of capture, without a database."""

from dataclasses import replace

from adapters.postgres.capture import Capture, check, plan, removal
from adapters.postgres.installing import Installed, InstalledFunction, InstalledTrigger
from daemon.domain.mapping import Field, Identify, IdentifyKind, Kind, Step, Table
from daemon.domain.side import Direction

STEP = Step(
    name="people",
    object="Contact",
    table=Table("crm", "people", ("id",), {"id": "bigint", "email": "text", "ref": "text"}),
    direction=Direction.TWO_WAY,
    fields=(Field("Email", "email", Kind.TEXT, Direction.TWO_WAY),),
    identify=(Identify(IdentifyKind.FIELD, "Ref__c", "ref"),),
)
NOTHING = Installed({}, ())


def installed(capture: Capture, **changes: object) -> Installed:
    function = InstalledFunction(capture.function, capture.body, capture.note)
    triggers = tuple(
        InstalledTrigger(capture.trigger_name(event), capture.function, True, "crm", "people")
        for event in ("insert", "update", "delete", "truncate")
    )
    return replace(Installed({capture.function: function}, triggers), **changes)  # type: ignore[arg-type]


def test_the_same_step_makes_the_same_text() -> None:
    assert plan([STEP], NOTHING) == plan([replace(STEP)], NOTHING)
    assert plan([STEP], installed(Capture(STEP))) == []
    assert check([STEP], NOTHING)[0].what == "the capture function is missing"


def test_an_identifier_alone_does_not_make_an_update() -> None:
    body = Capture(STEP).body
    update = body[body.index("'update', 'trigger'") : body.index("ELSIF TG_OP = 'DELETE'")]
    assert '"ref"' not in update
    assert '"ref"' in body


def test_another_mapping_is_another_function() -> None:
    more = replace(STEP, fields=(*STEP.fields, Field("Ref__c", "ref", Kind.TEXT, Direction.PUSH)))
    (problem,) = check([more], installed(Capture(STEP)))
    assert problem.what == "the capture function is not as it would be made now"
    assert problem.fix == "isthmus capture install --step people"


def test_triggers_that_stayed_on_the_former_table_are_dropped() -> None:
    moved = replace(STEP, table=replace(STEP.table, name="persons"))
    statements = plan([moved], installed(Capture(STEP)))
    assert sum(statement.startswith("DROP TRIGGER") for statement in statements) == 4
    assert sum(statement.startswith("CREATE TRIGGER") for statement in statements) == 4


def test_removal_names_each_trigger_and_then_the_function() -> None:
    here = installed(Capture(STEP))
    statements = removal(["people"], here)
    assert [statement.split()[1] for statement in statements] == ["TRIGGER"] * 4 + ["FUNCTION"]
    assert removal(["other"], here) == []
    assert removal([], here) == statements
    strange = {"capture_x": InstalledFunction("capture_x", "", "somebody's note")}
    assert removal(["people"], Installed(strange, ())) == []
