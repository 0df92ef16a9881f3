"""Tokens that a running daemon gets are known to its log before they are used."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from daemon.compose.rotation import RotatingToken
from daemon.domain.failure import CallFailedError
from daemon.runtime.redaction import MASK, Redaction
from daemon.settings.load import loads
from daemon.settings.models import Settings
from tests.unit.settings.sample import TEXT

if TYPE_CHECKING:
    from adapters.postgres.kept import KeptFacts

FIRST, LATER = "first-refresh-token-1", "later-refresh-token-2"


class Kept:
    """Facts in memory."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self.facts.get(name)

    async def put(self, name: str, value: str) -> None:
        self.facts[name] = value


def rotating(kept: Kept, learn: Callable[[str], None], settings: Settings) -> RotatingToken:
    return RotatingToken(cast("KeptFacts", kept), settings, learn)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    here = TEXT[TEXT.index("  auth:\n") : TEXT.index("    private_key:")]
    key = "    private_key: { credential: sf_private_key }\n"
    login = f"  auth:\n    flow: refresh_token\n    client_id: app\n    refresh_token: {{ file: {tmp_path}/token }}\n"
    return loads(TEXT.replace(here + key, login), {}, "isthmus.yaml")


async def test_a_token_that_a_person_s_login_gave_is_masked_from_its_first_use(
    configured: Settings, tmp_path: Path
) -> None:
    redaction = Redaction()
    token = rotating(Kept(), redaction.learn_passing, configured)
    with pytest.raises(CallFailedError):
        token.read()
    (tmp_path / "token").write_text(FIRST)
    (tmp_path / "token").chmod(0o600)
    assert token.read() == FIRST
    assert redaction.text(f"refused: {FIRST}") == f"refused: {MASK}"


async def test_a_token_that_a_refresh_gave_is_masked_at_once_by_whoever_kept_it(
    configured: Settings, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(FIRST)
    (tmp_path / "token").chmod(0o600)
    kept, redaction, another = Kept(), Redaction(), Redaction()
    await rotating(kept, redaction.learn_passing, configured).store(LATER)
    assert redaction.text(LATER) == MASK
    await rotating(kept, another.learn_passing, configured).look_again()
    assert another.text(LATER) == MASK


async def test_a_token_that_is_used_for_long_stays_masked_while_others_pass(
    configured: Settings, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(FIRST)
    (tmp_path / "token").chmod(0o600)
    redaction = Redaction()
    token = rotating(Kept(), redaction.learn_passing, configured)
    await token.store(LATER)
    for number in range(100):
        assert token.read() == LATER
        redaction.learn_passing(f"access-token-{number:04}")
    assert redaction.text(LATER) == MASK
