"""When a database is the one that is known, when it has branched, and when it is another."""

from dataclasses import replace

import pytest

from daemon.domain.identity import Identity, Verdict, compare

KNOWN = Identity("7713", "16384", "00000001")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (KNOWN, Verdict.SAME),
        (replace(KNOWN, timeline="00000002"), Verdict.BRANCHED),
        (replace(KNOWN, database="16385"), Verdict.OTHER),
        (replace(KNOWN, system="7714"), Verdict.OTHER),
        (replace(KNOWN, system="7714", timeline="00000002"), Verdict.OTHER),
        (Identity(None, "16384", None), Verdict.SAME),
        (Identity(None, "16385", None), Verdict.OTHER),
        (Identity(None, None, "00000002"), Verdict.BRANCHED),
    ],
)
def test_what_the_server_tells_decides_and_what_it_hides_does_not(found: Identity, verdict: Verdict) -> None:
    assert compare(KNOWN, found) is verdict
    assert compare(found, KNOWN) is verdict
