"""The fence, the fold, identity, remedies and times: one table each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import FailureKind
from daemon.domain.link import UNKNOWN_OUTCOME, Link, LinkOrigin, Window
from daemon.domain.mapping import Identify, IdentifyKind, Normalise, Retry
from daemon.domain.plan import Hold
from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.side import Side
from daemon.domain.value import Value, Values
from daemon.reconcile.fence import Worth, leaves_open, may_write_blind, worth
from daemon.reconcile.fold import fold, lasting
from daemon.reconcile.identify import Candidates, Match, choose, normalised
from daemon.reconcile.remedy import PARKED_RETRY, REMEDIES, NextTry, Remedy, backoff, next_try
from daemon.reconcile.resolve import winner
from daemon.reconcile.times import corrected, effective_time

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE: Values = {"A": "x"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def linked(seen: datetime | None, own: datetime | None) -> Link:
    return Link(1, "s", "Contact", "003", "public.people", "1", base=BASE, seen=seen, own=own)


@pytest.mark.parametrize(
    ("seen", "own", "second", "values", "expected"),
    [
        (at(5), None, 4, {"A": "y"}, Worth.STALE),
        (at(5), None, 5, {"A": "x"}, Worth.CONFIRMS),
        (at(5), None, 5, {"A": "y"}, Worth.UNDECIDABLE),
        (at(5), None, 6, {"A": "y"}, Worth.NEWS),
        (at(5), at(7), 7, {"A": "y"}, Worth.UNDECIDABLE),
        (at(5), at(7), 7, {"A": "x"}, Worth.CONFIRMS),
        (at(5), at(7), 8, {"B": None}, Worth.NEWS),
        (at(5), UNKNOWN_OUTCOME, 4, {"A": "x"}, Worth.UNDECIDABLE),
        (None, None, 0, {"A": "y"}, Worth.NEWS),
        (None, None, 0, {}, Worth.CONFIRMS),
    ],
)
def test_rule_4_what_an_observation_is_worth(
    seen: datetime | None, own: datetime | None, second: int, values: dict[str, Value], expected: Worth
) -> None:
    assert worth(linked(seen, own), at(second), values) is expected


BOTH = Window(at(5), at(8), {"A": "x", "B": "x"}, {"A": "y", "B": "z"})
ONE = Window(at(6), at(9), {"A": "y"}, {"A": "w"})
NOTHING = Window(at(5), at(8), {"A": "x"}, {"A": "x"})
NO_WRITE = Window(at(5), at(8), {}, {"A": "q"})


@pytest.mark.parametrize(
    ("windows", "seen", "second", "told", "expected"),
    [
        ((BOTH,), at(5), 7, {"A", "B", "LastModifiedDate"}, False),
        ((BOTH,), at(5), 7, {"B", "LastModifiedDate"}, True),
        ((BOTH,), at(5), 7, {"LastModifiedDate"}, True),
        ((BOTH,), None, 7, {"B"}, True),
        ((BOTH,), at(7), 7, {"B"}, False),  # the record was read since
        ((BOTH,), at(5), 9, {"B"}, False),  # somebody else's, later
        ((BOTH, ONE), at(5), 7, {"A"}, False),  # all that one of them changed
        ((BOTH, ONE), at(5), 7, {"B"}, True),
        ((NOTHING,), at(5), 7, set(), False),  # the record held that before
        ((NO_WRITE,), at(5), 7, set(), False),
        ((), at(5), 7, set(), False),
    ],
)
def test_an_event_that_does_not_name_what_a_write_changed_leaves_it_open(
    windows: tuple[Window, ...], seen: datetime | None, second: int, told: set[str], expected: bool
) -> None:
    link = replace(linked(seen, at(6)), windows=windows)
    assert leaves_open(link, at(second), told) is expected


@pytest.mark.parametrize(
    ("seen", "own", "may"),
    [(None, None, False), (at(5), None, True), (at(5), at(5), True), (at(5), at(6), False), (at(5), UNKNOWN_OUTCOME, False)],
)  # fmt: skip
def test_rule_5_when_a_write_may_stand_on_the_base(
    seen: datetime | None, own: datetime | None, may: bool
) -> None:
    assert may_write_blind(linked(seen, own)) is may


def change(kind: ChangeKind, second: int, **more: object) -> Change:
    return Change("s", Side.POSTGRES, kind, Source.TRIGGER, at(second), key="1", **more)  # type: ignore[arg-type]


def test_a_fold_keeps_the_last_word_and_the_first_old_value() -> None:
    folded = fold(
        [
            change(
                ChangeKind.CREATE,
                1,
                values={"a": 1, "b": 1},
                old_values={"a": 0},
                external_id="e",
                attempts=2,
            ),
            change(ChangeKind.UPDATE, 2, values={"a": 2}, old_values={"a": 1, "b": 1}, sent={"A": 2}),
            change(ChangeKind.UPDATE, 3, values={"c": 3}),
        ]
    )
    assert (folded.kind, folded.at, folded.external_id, folded.attempts) == (ChangeKind.CREATE, at(3), "e", 2)
    assert folded.values == {"a": 2, "b": 1, "c": 3}
    assert folded.old_values == {"a": 0, "b": 1}
    assert folded.sent == {"A": 2}


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        ("update update", ChangeKind.UPDATE), ("reread update", ChangeKind.REREAD), ("update reread", ChangeKind.REREAD),
        ("rekey update", ChangeKind.REKEY), ("read update", ChangeKind.READ), ("undelete update", ChangeKind.UNDELETE),
        ("create delete", ChangeKind.DELETE), ("reread delete", ChangeKind.DELETE), ("delete create", ChangeKind.CREATE),
        ("delete undelete", ChangeKind.UNDELETE), ("update", ChangeKind.UPDATE),
    ],
)  # fmt: skip
def test_the_kind_of_a_fold(kinds: str, kind: ChangeKind) -> None:
    assert fold([change(ChangeKind(name), i) for i, name in enumerate(kinds.split())]).kind is kind


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        (["a", "a"], [1]),
        (["a", "b"], [0, 1]),
        (["ab", "a"], [0, 1]),
        (["ab", "a", "b"], [1, 2]),
        (["a", ""], [0, 1]),
        (["", "a"], [1]),
        ([""], [0]),
        ([], []),
    ],
)
def test_of_waiting_changes_those_last_that_alone_tell_when_a_column_was_changed(
    columns: list[str], kept: list[int]
) -> None:
    changes = [
        change(ChangeKind.UPDATE, number, values=dict.fromkeys(named)) for number, named in enumerate(columns)
    ]
    assert lasting(changes) == [changes[number] for number in kept]


def test_a_deletion_that_waits_forgets_what_was_before_it() -> None:
    edit = change(ChangeKind.UPDATE, 0, values={"a": 1})
    gone, back = change(ChangeKind.DELETE, 1), change(ChangeKind.CREATE, 2, values={"b": 1})
    assert lasting([edit, gone]) == [gone]
    assert lasting([edit, gone, back]) == [back]


def test_an_order_that_waits_is_not_forgotten_for_an_edit_after_it() -> None:
    order = replace(change(ChangeKind.CREATE, 0), source=Source.OPERATOR)
    again = replace(order, at=at(1))
    edit = change(ChangeKind.UPDATE, 2, values={"a": 1})
    assert lasting([order, edit]) == [order, edit]
    assert lasting([order, again, edit]) == [again, edit]
    assert lasting([order, again]) == [again]


def test_a_delete_and_a_whole_record_forget_what_was_before() -> None:
    first = change(ChangeKind.UPDATE, 1, values={"a": 1}, old_key="0", attempts=3)
    gone = fold([first, change(ChangeKind.DELETE, 2)])
    assert (gone.values, gone.old_key, gone.attempts) == ({}, "0", 3)
    assert fold([first, change(ChangeKind.READ, 2, values={"b": 2}, complete=True)]).values == {"b": 2}


EXTERNAL = Identify(IdentifyKind.EXTERNAL_ID, "Key__c", "id")
FIELD = Identify(IdentifyKind.FIELD, "Email", "email")
BY_ID = Identify(IdentifyKind.SALESFORCE_ID, "Id", "sf")


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], None),
        ([Candidates(EXTERNAL, ()), Candidates(FIELD, ("a",))], Match("a", LinkOrigin.FIELD)),
        ([Candidates(EXTERNAL, ("a",)), Candidates(FIELD, ("b",))], Match("a", LinkOrigin.EXTERNAL_ID)),
        ([Candidates(BY_ID, ("a",))], Match("a", LinkOrigin.SALESFORCE_ID)),
        ([Candidates(EXTERNAL, ("a", "b"))], "ambiguous_identifier"),
        ([Candidates(EXTERNAL, ("a", "b"), frozenset("a"))], "ambiguous_identifier"),
        ([Candidates(EXTERNAL, ("a",), frozenset("a")), Candidates(FIELD, ("b",))], "already_linked"),
    ],
)
def test_rule_7_one_counterpart_or_none_or_a_hold(
    candidates: list[Candidates], expected: Match | str | None
) -> None:
    found = choose(candidates)
    assert (found.code if isinstance(found, Hold) else found) == expected


@pytest.mark.parametrize(
    ("rule", "text", "plain"),
    [
        (Normalise.TRIM, " A ", "A"), (Normalise.LOWER, "Ab", "ab"), (Normalise.DIGITS, "+49 (0) 7²", "4907"),
        (Normalise.DOMAIN, "https://www.Example.com:80/a?b#c", "example.com"), (Normalise.DOMAIN, "Bob@Example.com", "example.com"),
        (Normalise.DOMAIN, "example.com?x", "example.com"), (Normalise.DOMAIN, "", ""),
    ],
)  # fmt: skip
def test_normalising(rule: Normalise, text: str, plain: str) -> None:
    assert normalised(text, (rule,)) == plain
    assert normalised(plain, (rule,)) == plain


def test_normalising_in_order() -> None:
    assert normalised(" A ", (Normalise.TRIM, Normalise.LOWER)) == "a"
    assert normalised(" A ", ()) == " A "


def test_every_kind_of_failure_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(FailureKind)


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("attempts", [0, 2, 3, 7, 8])
def test_what_comes_after_a_failure(kind: FailureKind, attempts: int) -> None:
    retry = Retry()
    found = next_try(kind, retry, attempts, 0.5)
    match REMEDIES[kind]:
        case Remedy.PARK:
            assert found == NextTry(True, PARKED_RETRY, attempts + 1)
        case Remedy.SOON:
            assert found == NextTry(False, timedelta(seconds=1.5), attempts)
        case Remedy.SLOW:
            assert found == NextTry(False, retry.maximum * 0.75, attempts)
        case Remedy.REREAD if attempts < 3:
            assert found == NextTry(False, timedelta(0), attempts + 1)
        case _:
            assert found.parked is (attempts + 1 >= retry.attempts)
            assert found.attempts == attempts + 1
            assert found.delay == (PARKED_RETRY if found.parked else backoff(retry, attempts + 1, 0.5))


def test_backing_off_doubles_up_to_a_bound() -> None:
    retry = Retry(first=timedelta(seconds=1), maximum=timedelta(seconds=10))
    assert [backoff(retry, n, 1).total_seconds() for n in (1, 2, 3, 4, 5, 99)] == [1, 2, 4, 8, 10, 10]
    assert backoff(retry, 5, 0) == timedelta(0)


ALLOWED = timedelta(seconds=2)


@pytest.mark.parametrize(
    ("claimed", "previous", "expected"),
    [
        (None, None, (at(10), False)),
        (at(9), None, (at(9), False)),
        (at(12), None, (at(12), False)),
        (at(12.5), None, (at(10), True)),
        (at(9), at(8), (at(9), False)),
        (at(7), at(8), (at(10), True)),
    ],
)
def test_rule_3_when_a_claimed_time_counts(
    claimed: datetime | None, previous: datetime | None, expected: tuple[datetime, bool]
) -> None:
    assert effective_time(at(10), claimed, previous, ALLOWED) == expected


def test_rule_3_local_instants_by_salesforce_s_clock() -> None:
    assert corrected(at(10.9), 60.2) == at(71)
    assert corrected(at(10), -60) == at(-50)


SF, PG = Side.SALESFORCE, Side.POSTGRES


@pytest.mark.parametrize(
    ("policy", "theirs", "ours", "times", "expected"),
    [
        (Policy.NEWEST, "x", "y", (10, 5), SF), (Policy.NEWEST, "x", "y", (5, 10), PG), (Policy.NEWEST, "x", "y", (7, 5), PG),
        (Policy.NEWEST, "x", "y", (None, 5), PG), (Policy.NEWEST, "x", "y", (5, None), PG),
        (Policy.RECORD_NEWEST, "x", "y", (10, 5), SF),
        (Policy.SALESFORCE, "x", "y", (1, 9), SF), (Policy.POSTGRES, "x", "y", (9, 1), PG), (Policy.PUSH_ALWAYS, "x", "y", (9, 1), PG),
        (Policy.SALESFORCE_UNLESS_BLANK, "x", "y", (1, 9), SF), (Policy.SALESFORCE_UNLESS_BLANK, None, "y", (9, 1), PG),
        (Policy.POSTGRES_UNLESS_BLANK, "x", "y", (9, 1), PG), (Policy.POSTGRES_UNLESS_BLANK, "x", None, (1, 9), SF),
        (Policy.TRUE_WINS, True, False, (1, 9), SF), (Policy.TRUE_WINS, False, True, (9, 1), PG),
        (Policy.TRUE_WINS, True, True, (9, 1), PG), (Policy.TRUE_WINS, False, None, (9, 1), PG),
        (Policy.MANUAL, "x", "y", (9, 1), None),
    ],
)  # fmt: skip
def test_rule_2_who_wins(
    policy: Policy, theirs: Value, ours: Value, times: tuple[int | None, int | None], expected: Side | None
) -> None:
    """Ties go to PostgreSQL here, to tell them from the default."""
    rule = ConflictRule(policy, tie=PG)
    instants = [None if second is None else at(second) for second in times]
    assert winner(rule, (theirs,), (ours,), *instants) is expected
