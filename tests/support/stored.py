"""Links and changes as a store gets them, to be varied by a test."""

from datetime import UTC, datetime

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.link import Link
from daemon.domain.side import Side

AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = datetime(2999, 1, 1, tzinfo=UTC)


def link(n: int, **changes: object) -> Link:
    return Link(
        **{
            "id": 0,
            "step": "people",
            "object": "Contact",
            "sf_id": f"003{n:015}",
            "table": "crm.people",
            "key": str(n),
            "base": {"Email": f"{n}", "Flag": True, "Tags": ("a", "b"), "Empty": None},
            "seen": AT,
            **changes,
        }  # type: ignore[arg-type]
    )


def event(n: int, **changes: object) -> Change:
    return Change(
        **{
            "step": "people",
            "side": Side.SALESFORCE,
            "kind": ChangeKind.UPDATE,
            "source": Source.STREAM,
            "at": AT,
            "sf_id": f"003{n:015}",
            "values": {"Email": None, "Tags": ["x"], "Number": 1.5},
            **changes,
        }  # type: ignore[arg-type]
    )
