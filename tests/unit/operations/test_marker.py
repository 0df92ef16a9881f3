"""One org to one instance, from the org's side."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, RefusedError
from daemon.operations.doctor import State
from daemon.operations.finding import Level
from daemon.operations.marker import (
    HOLDER,
    INSTANCE,
    KEY,
    OBJECT,
    THE_ONE,
    Instance,
    Mark,
    claimed,
    looked_up,
    mark_finding,
)
from daemon.ports.salesforce import ObjectDescription, Record, Records, RecordWrite, WriteResult
from tests.unit.operations.sides import MARKER, NOW, OURS, KnownCatalogue
from tests.unit.operations.test_doctor import one

THEIRS = Instance("77aa", "staging (db2:17)")
REFUSED = Failure(FailureKind.DUPLICATE, Reason.OTHER, "DUPLICATE_VALUE", "x", "")


@dataclass
class OneRecord:
    """The records of the object, of which a unique key lets one be. `race` is who is quicker than we are."""

    holder: Instance | None = None
    race: Instance | None = None
    failure: Failure | None = None
    writes: list[RecordWrite] = field(default_factory=list)

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        assert (name, by, list(values)) == (OBJECT, KEY, [THE_ONE])
        if self.holder is None:
            return {}
        marked = {KEY: THE_ONE, INSTANCE: self.holder.id, HOLDER: self.holder.name}
        return {THE_ONE: [Record(name, "a01000000000001AAA", marked, NOW, NOW)]}

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        self.writes += writes
        if self.race is not None:
            self.holder = self.race
            return [WriteResult(failure=REFUSED)]
        if self.failure is not None:
            return [WriteResult(failure=self.failure)]
        [write] = writes
        self.holder = Instance(str(write.values[INSTANCE]), str(write.values[HOLDER]))
        return [WriteResult(id="a01000000000001AAA")]


def org(marker: ObjectDescription | None = MARKER) -> KnownCatalogue:
    return KnownCatalogue({OBJECT: marker} if marker is not None else {})


def records(known: OneRecord) -> Records:
    return cast("Records", known)


@pytest.mark.requirement("S2-11")
async def test_the_first_instance_marks_the_org_and_the_second_is_refused_by_the_name_of_the_first() -> None:
    known = OneRecord()
    assert await looked_up(org(), records(known), OURS) is Mark.FREE
    assert known.writes == []
    for _ in range(2):
        assert await claimed(org(), records(known), OURS) is Mark.OURS
    assert len(known.writes) == 1
    for act in (looked_up, claimed):
        with pytest.raises(RefusedError, match=r"by another instance of isthmus: acme-prod") as refused:
            await act(org(), records(known), THEIRS)
        assert "delete the Isthmus_Instance__c record a01000000000001AAA" in refused.value.fix
        assert refused.value.exit_status == 5


@pytest.mark.requirement("S2-11")
async def test_of_two_that_mark_at_once_one_is_refused() -> None:
    with pytest.raises(RefusedError, match="staging"):
        await claimed(org(), records(OneRecord(race=THEIRS)), OURS)


async def test_a_lost_answer_is_settled_by_reading() -> None:
    assert await claimed(org(), records(OneRecord(race=OURS)), OURS) is Mark.OURS


async def test_a_mark_that_cannot_be_written_is_told() -> None:
    broken = replace(REFUSED, kind=FailureKind.REJECTED)
    with pytest.raises(CallFailedError):
        await claimed(org(), records(OneRecord(failure=broken)), OURS)
    forbidden = replace(REFUSED, kind=FailureKind.PERMISSION)
    assert await claimed(org(), records(OneRecord(failure=forbidden)), OURS) is Mark.UNKNOWN


@pytest.mark.parametrize(
    "marker",
    [None, replace(MARKER, queryable=False), replace(MARKER, fields={KEY: MARKER.fields[KEY]})],
)
async def test_without_the_object_nothing_is_written_and_nobody_refused(
    marker: ObjectDescription | None,
) -> None:
    known = OneRecord(holder=THEIRS)
    assert await claimed(org(marker), records(known), OURS) is Mark.UNKNOWN
    assert known.writes == []


@pytest.mark.requirement("S2-11")
async def test_a_mark_counts_where_it_may_only_be_read_and_none_is_made_there() -> None:
    read_only = org(replace(MARKER, createable=False))
    for act in (looked_up, claimed):
        with pytest.raises(RefusedError, match="staging"):
            await act(read_only, records(OneRecord(holder=THEIRS)), OURS)
        assert await act(read_only, records(OneRecord(holder=OURS)), OURS) is Mark.OURS
    free = OneRecord()
    assert await claimed(read_only, records(free), OURS) is Mark.UNKNOWN
    assert free.writes == []


@pytest.mark.requirement("S2-11")
async def test_the_doctor_tells_the_mark() -> None:
    assert mark_finding(Mark.FREE).level is Level.OK
    unknown = mark_finding(Mark.UNKNOWN)
    assert unknown.level is Level.WARNING
    assert "a second instance on this org would not be noticed" in unknown.what
    taken = await one("salesforce.instance", records=records(OneRecord(holder=THEIRS)))
    assert taken.state is State.FAIL
    assert "kept in step by another instance of isthmus: staging (db2:17)" in taken.found
    assert (await one("salesforce.instance", instance=None)).state is State.SKIP
