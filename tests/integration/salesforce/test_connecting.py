"""Connecting an account before there is a database: what is kept, where, and what is refused before anybody logs in."""

import asyncio
import stat
from pathlib import Path

import asyncpg
import pytest

from adapters.emulator import Emulator
from daemon.compose import connections
from daemon.compose.connecting import connect_salesforce
from daemon.domain.failure import RefusedError
from daemon.operations.connections import Connection
from daemon.settings.load import loads
from daemon.settings.models import Settings
from daemon.settings.secrets import SecretError
from tests.support.browsing import browse
from tests.support.databases import Databases
from tests.support.ports import free_port
from tests.support.road import prepared

ANOTHER = "00D000000000002AAA"


def named_refresh(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "refresh" in path.name]


_TEXT = """\
version: 1
name: connecting
salesforce:
  domain: {url}
  environment: emulator
  auth: {auth}
database: {{ dsn: "{dsn}" }}
steps:
  - name: accounts
    salesforce: {{ object: Account }}
    postgres: {{ table: crm.companies, key: id }}
    direction: pull
    fields: [ {{ salesforce: Name, postgres: name }} ]
"""


def nobody() -> str:
    """The address of a database at which nobody answers."""
    return f"postgresql://isthmus@127.0.0.1:{free_port()}/app"


def configured(emulator: Emulator, secret: Path, kept: str, dsn: str | None = None) -> Settings:
    announced = emulator.announcement
    secret.write_text(announced.client_secret)
    secret.chmod(0o600)
    auth = f"{{ flow: refresh_token, client_id: {announced.client_id}, client_secret: {{ file: {secret} }}{kept} }}"
    return loads(_TEXT.format(url=announced.url, auth=auth, dsn=dsn or nobody()), {})


async def logged_in(settings: Settings) -> tuple[Connection, str]:
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        login = group.create_task(
            connect_salesforce(settings, port=free_port(), seconds=20, show=shown.set_result)
        )
        await browse(await shown)
    return login.result()


async def of_salesforce(settings: Settings) -> Connection:
    return next(each for each in await connections(settings) if each.side == "salesforce")


@pytest.mark.requirement("S1-02", "S1-03")
async def test_a_file_keeps_the_token_for_its_owner_alone_and_a_later_login_replaces_it(
    emulator: Emulator, tmp_path: Path
) -> None:
    file = tmp_path / "refresh_token"
    settings = configured(emulator, tmp_path / "secret", f", refresh_token: {{ file: {file} }}")
    assert (await of_salesforce(settings)).state == "not connected"
    made, place = await logged_in(settings)
    assert (made.state, made.user) == ("connected", emulator.announcement.username)
    assert place == f"the file {file}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text()
    for _ in range(2):  # each look uses the token up, and no database keeps the next one
        assert (await of_salesforce(settings)).org == made.org
    assert file.read_text() != first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("of a grant that is lost")
    assert (await of_salesforce(settings)).state == "refused"
    await logged_in(settings)
    assert (await of_salesforce(settings)).state == "connected"
    assert named_refresh(tmp_path) == ["refresh_token"]


async def test_without_a_place_to_keep_it_nobody_is_asked_to_log_in(
    emulator: Emulator, tmp_path: Path
) -> None:
    away = configured(emulator, tmp_path / "secret", f", refresh_token: {{ file: {tmp_path}/nowhere/token }}")
    with pytest.raises(SecretError, match="cannot be written"):
        await connect_salesforce(away, port=free_port(), seconds=1, show=pytest.fail)
    no_database = configured(emulator, tmp_path / "secret", "")
    with pytest.raises(RefusedError) as refused:
        await connect_salesforce(no_database, port=free_port(), seconds=1, show=pytest.fail)
    assert "isthmus migrate" in refused.value.fix


@pytest.mark.requirement("S2-10")
async def test_a_login_at_another_org_than_that_of_the_links_is_refused_and_kept_nowhere(
    emulator: Emulator, tmp_path: Path, databases: Databases
) -> None:
    async with databases.fresh(await databases.prepare("road", prepared)) as dsn:
        settings = configured(emulator, tmp_path / "secret", "", dsn)
        database = await asyncpg.connect(dsn)
        try:
            await database.execute("INSERT INTO isthmus.setting (name, value) VALUES ('org_id', $1)", ANOTHER)
            with pytest.RaisesGroup(pytest.RaisesExc(RefusedError, match=f"in step with org {ANOTHER}")):
                await logged_in(settings)
            kept = "SELECT array_agg(name) FROM isthmus.setting WHERE name LIKE 'refresh%'"
            assert await database.fetchval(kept) is None
            await database.execute("DELETE FROM isthmus.setting WHERE name = 'org_id'")
            made, _ = await logged_in(settings)
            assert made.state == "connected"
            assert await database.fetchval(kept) == ["refresh_token"]
        finally:
            await database.close()


async def test_a_flow_of_a_program_needs_no_person(emulator: Emulator, tmp_path: Path) -> None:
    settings = configured(emulator, tmp_path / "secret", "")
    text = "{ flow: client_credentials, client_id: c, client_secret: { env: NONE } }"
    other = loads(_TEXT.format(url=emulator.announcement.url, auth=text, dsn=nobody()), {})
    assert settings.salesforce.auth.flow == "refresh_token"
    with pytest.raises(RefusedError, match="client_credentials"):
        await connect_salesforce(other, port=free_port(), seconds=1, show=pytest.fail)


async def test_a_database_that_is_away_is_told_as_such(emulator: Emulator, tmp_path: Path) -> None:
    settings = configured(emulator, tmp_path / "secret", "")
    [database] = [each for each in await connections(settings) if each.side == "postgres"]
    assert database.state == "unreachable"
    assert database.do
