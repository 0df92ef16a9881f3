import re

import pytest

from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from tests.unit.settings.sample import NAME, TEXT


@pytest.mark.requirement("S1-01")
@pytest.mark.parametrize(
    ("left_out", "place"),
    [
        (r"  auth:\n(    .*\n)+", "salesforce.auth"),
        (r"salesforce:\n(  .*\n)+", "salesforce"),
    ],
)
def test_without_an_account_one_is_told_to_connect_first(left_out: str, place: str) -> None:
    text, replaced = re.subn(left_out, "", TEXT, count=1)
    assert replaced == 1
    with pytest.raises(SettingsError) as caught:
        loads(text, {}, NAME)
    [problem] = caught.value.problems
    assert (problem.path, problem.what) == (place, "is missing, so no Salesforce account is connected")
    assert problem.fix.startswith("connect first: ")
    assert "docs/how-to/connect-salesforce.md" in problem.fix
    assert caught.value.exit_status == 78
