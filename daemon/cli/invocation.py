"""What one call of the command line works with, made when it is needed."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from daemon.cli.client import Client
from daemon.cli.configuration import find_files, load_settings
from daemon.cli.flags import Flags
from daemon.cli.output import Output
from daemon.domain.failure import AccessError, ConfigurationError, RefusedError

if TYPE_CHECKING:
    from daemon.settings.models import Settings

DEFAULT_API = "http://127.0.0.1:8470"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call: its flags, and the ways to the configuration, the daemon and the terminal."""

    flags: Flags
    out: Output

    @classmethod
    def of(cls, context: typer.Context) -> "Invocation":
        """The invocation that the root command has made."""
        found = context.find_object(cls)
        assert found is not None
        return found

    def settings(self) -> "Settings":
        """The configuration. Raises ConfigurationError."""
        return load_settings(self.flags.config)

    def client(self) -> Client:
        """A client of the daemon: where and as whom the flags say, else what the configuration says."""
        settings = self.settings() if find_files(self.flags.config) else None
        base = self.flags.api or (DEFAULT_API if settings is None else _address(settings))
        return Client(base, self._token(settings), self.flags.timeout)

    def confirm(self, what: str) -> None:
        """Say what will be done and ask. Raises RefusedError if nobody can be asked or the answer is no."""
        if self.flags.yes:
            self.out.words(what)
            return
        if self.flags.no_input or not sys.stdin.isatty():
            raise RefusedError(what, "nobody is there to confirm it", "add --yes if that is what you want")
        sys.stderr.write(f"{what}\nGo on? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise RefusedError("nothing was done", "it was not confirmed", "answer y, or add --yes")

    def log_to_terminal(self) -> None:
        """Send what our own modules log to standard error: standard output is for data."""
        from daemon.runtime.logs import configure_logs
        from daemon.runtime.redaction import Redaction

        level = "debug" if self.flags.debug else "info" if self.flags.verbose else "warning"
        configure_logs(style="console", level=level, redaction=Redaction(), stream=sys.stderr)

    def _token(self, settings: "Settings | None") -> str | None:
        if self.flags.token_file is not None:
            return _read_token(self.flags)
        if settings is None:
            return None
        for token in sorted(settings.http.auth.tokens, key=lambda each: each.grants, reverse=True):
            try:
                return token.token.read()
            except ConfigurationError:
                continue  # a viewer of the configuration may hold only the viewer's token
        return None


def _read_token(flags: Flags) -> str:
    assert flags.token_file is not None
    try:
        return flags.token_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        raise AccessError(
            f"the token file {flags.token_file} cannot be read", why, "mend --token-file"
        ) from None


def _address(settings: "Settings") -> str:
    """Where the API is on this machine: one that listens everywhere is called by loopback."""
    host, port = settings.http.api_address
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
