"""Secrets: where one is kept, and how it is read.

A secret is never written in the configuration. It is an object that says where it is kept, so the same file serves
systemd's credentials, mounted secrets and environment variables. It is read when it is used, so a new key is taken up
without a restart, and its value is in no representation of the settings.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Discriminator, PrivateAttr, Tag

from daemon.domain.failure import ConfigurationError
from daemon.settings.scalars import Section, Text, refuse

MAX_BYTES: Final = 65_536
WRITE_ONE: Final = "write { file: … }, { credential: … } or { env: … } here"


@dataclass(frozen=True, slots=True)
class Places:
    """Where secrets may be looked for: the environment, and the folder that relative paths start from."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path = Path()

    @property
    def credential_folders(self) -> tuple[Path, ...]:
        """The folder of systemd's credentials first, then that of mounted secrets."""
        named = (self.environ.get("CREDENTIALS_DIRECTORY"), self.environ.get("ISTHMUS_SECRETS_DIR"))
        return tuple(Path(folder) for folder in named if folder)


class SecretError(ConfigurationError):
    """A secret that cannot be read. It says where it was looked for, never what was found."""

    def __init__(self, why: str, fix: str, what: str = "a secret cannot be read") -> None:
        super().__init__(what, why, fix)

    @classmethod
    def of_writing(cls, path: Path, why: str) -> "SecretError":
        """The error of a secret that cannot be kept in its file."""
        fix = "Run it as the user that runs isthmus, and let that user write the folder."
        return cls(f"{path}: {why}", fix, "a secret cannot be written")


class SecretMissingError(SecretError):
    """A secret that is nowhere: its file, credential or variable does not exist (yet)."""


class _Kept(Section):
    """What every kind of secret shares: it is bound to the places of the load that made it."""

    _places: Places = PrivateAttr(default_factory=lambda: Places(os.environ))

    def model_post_init(self, context: Any, /) -> None:
        """Bind the secret to where the configuration was read."""
        if isinstance(context, Places):
            self._places = context


def _path(text: str) -> str:
    if not text or any(ord(letter) < 32 for letter in text) or "-----BEGIN" in text:
        raise refuse("is no path", "write the path of the file that holds the secret, not the secret")
    return text


class FileSecret(_Kept):
    """A secret in a file of its own."""

    tag: ClassVar[str] = "file"

    file: Annotated[Text, AfterValidator(_path)]
    """Path of the file; a relative one starts at the folder of the first configuration file. Others may not read it."""

    def read(self) -> str:
        """The file's content, less one newline at its end. Raises SecretError."""
        return _content(self.path, strict=True)

    @property
    def path(self) -> Path:
        """The file."""
        return self._places.folder / self.file

    def may_be_kept(self) -> None:
        """Raises SecretError where no file could be written in the place of this one."""
        folder = self.path.parent
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise SecretError.of_writing(
                self.path, f"the folder {folder} is not there, or may not be written"
            )

    def keep(self, text: str) -> None:
        """Write the secret, readable by its owner alone, in place of what the file held; whole or not at all. Raises SecretError."""
        try:
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")  # mode 0600
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(text)
                    stream.flush()
                    with suppress(FileNotFoundError):
                        known = self.path.stat()
                        if (os.geteuid(), os.getegid()) != (known.st_uid, known.st_gid):
                            os.fchown(stream.fileno(), known.st_uid, known.st_gid)
                    os.fsync(stream.fileno())
                Path(name).replace(self.path)
            except BaseException:
                with suppress(FileNotFoundError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise SecretError.of_writing(self.path, error.strerror or str(error)) from None


def _credential(name: str) -> str:
    if not name or "/" in name or name.startswith(".") or any(ord(letter) < 32 for letter in name):
        raise refuse("is no credential's name", "write the name alone, without a folder")
    return name


class CredentialSecret(_Kept):
    """A systemd credential or a mounted secret."""

    tag: ClassVar[str] = "credential"

    credential: Annotated[Text, AfterValidator(_credential)]
    """Name of a file in $CREDENTIALS_DIRECTORY or, failing that, in $ISTHMUS_SECRETS_DIR."""

    def read(self) -> str:
        """The credential's content, less one newline at its end. Raises SecretError."""
        folders = self._places.credential_folders
        for folder in folders:
            if (folder / self.credential).exists():
                return _content(folder / self.credential, strict=False)
        looked = " and ".join(str(folder) for folder in folders)
        if not looked:
            looked = "no folder: neither CREDENTIALS_DIRECTORY nor ISTHMUS_SECRETS_DIR is set"
        raise SecretMissingError(
            f"there is no credential {self.credential}; looked in {looked}",
            f"Add LoadCredential={self.credential}:PATH to the unit, or mount it and set ISTHMUS_SECRETS_DIR.",
        )


def _variable(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise refuse("is no variable's name", "write the name of the variable, such as SF_CLIENT_SECRET")
    return name


class EnvSecret(_Kept):
    """A secret in an environment variable."""

    tag: ClassVar[str] = "env"

    env: Annotated[Text, AfterValidator(_variable)]
    """Name of the environment variable."""

    def read(self) -> str:
        """The variable's value. Raises SecretError."""
        value = self._places.environ.get(self.env)
        if not value:
            state = "is not set" if value is None else "is empty"
            raise SecretMissingError(f"the environment variable {self.env} {state}", f"Set {self.env}.")
        return value


def _content(path: Path, *, strict: bool) -> str:
    """A secret's file. Where `strict`, one that other users may read or write is refused."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(f"{path} is not a file", "Name the file itself.")
        if strict and status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            mode = stat.S_IMODE(status.st_mode)
            raise SecretError(f"{path} is open to every user (mode {mode:04o})", f"Run: chmod o-rw {path}")
        if status.st_size > MAX_BYTES:
            raise SecretError(
                f"{path} is larger than {MAX_BYTES} bytes", "Name the file of the secret alone."
            )
        content = path.read_text("utf-8")
    except FileNotFoundError:
        raise SecretMissingError(f"there is no file {path}", "Create it, or mend the path.") from None
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not text", "Store the secret as UTF-8 text (a key as PEM).") from None
    except OSError as error:
        why = f"{path} cannot be read ({error.strerror})"
        raise SecretError(why, "Let the user that runs isthmus read it, and nobody else.") from None
    content = content.removesuffix("\r\n") if content.endswith("\r\n") else content.removesuffix("\n")
    if not content:
        raise SecretError(f"{path} is empty", "Write the secret into it.")
    return content


def kind_of(raw: Any) -> str | None:
    """Which kind of secret a raw value is; None if it is none."""
    if isinstance(raw, _Kept):
        return raw.tag
    if isinstance(raw, dict):
        named = [tag for tag in ("file", "credential", "env") if tag in raw]
        return named[0] if len(named) == 1 else None
    return None


def _kind_or_text(raw: Any) -> str | None:
    return "text" if isinstance(raw, str | int | float) else kind_of(raw)


Secret = Annotated[
    Annotated[FileSecret, Tag("file")]
    | Annotated[CredentialSecret, Tag("credential")]
    | Annotated[EnvSecret, Tag("env")],
    Discriminator(kind_of, custom_error_type="secret", custom_error_message="must not be written here"),
]
"""A secret, by where it is kept."""

TextOrSecret = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[FileSecret, Tag("file")]
    | Annotated[CredentialSecret, Tag("credential")]
    | Annotated[EnvSecret, Tag("env")],
    Discriminator(
        _kind_or_text, custom_error_type="secret", custom_error_message="is neither text nor a secret"
    ),
]
"""Something public that may be kept beside the secrets all the same."""


def text_of(value: str | FileSecret | CredentialSecret | EnvSecret) -> str:
    """The text itself, or the secret as it reads now. Raises SecretError."""
    return value if isinstance(value, str) else value.read()
