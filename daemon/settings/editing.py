"""Edits of the configuration: made in the text, held against every rule as a whole, and saved in one act or not at all."""

import difflib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.domain.failure import NotFoundError, RefusedError
from daemon.settings.draft import Draft
from daemon.settings.errors import Problem, SettingsError
from daemon.settings.load import load
from daemon.settings.models import Settings
from daemon.settings.person_rules import person_complaints
from daemon.settings.source import SourceError, read
from daemon.settings.steps import StepSettings

Change = Callable[[Draft], None]
"""What is done to the text of a file. It may raise any IsthmusError: the file stays as it is."""


@dataclass(frozen=True, slots=True)
class EditedFile:
    """A file of the configuration as it was and as it is to be; `settings` is what the whole comes to then."""

    path: Path
    before: bytes
    after: bytes
    settings: Settings

    def diff(self) -> str:
        """What changes, as a unified diff; empty if nothing does."""
        before, after = (text.decode("utf-8").splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, str(self.path), str(self.path)))

    def save(self) -> None:
        """Put the file in the place of the former one, with its owner and mode. Raises RefusedError, and the former one stays."""
        target = self.path.resolve()  # a link stays a link
        try:
            if target.read_bytes() != self.before:
                raise RefusedError(
                    f"{self.path} was not changed",
                    "somebody else has changed it meanwhile",
                    "do the same again: it is done to the file as it is now",
                )
            if self.after != self.before:
                _replace(target, self.after)
        except OSError as error:
            why = error.strerror or str(error)
            fix = "run it as somebody who may write the file and its folder"
            raise RefusedError(f"{self.path} cannot be written", why, fix) from None


def edit(
    files: Sequence[Path], change: Change, environ: Mapping[str, str], *, file: Path | None = None
) -> EditedFile:
    """A change of one of the configuration's files (the last, unless told otherwise), valid as a whole. Nothing is saved yet.

    Raises SettingsError with every rule that the result would break, and whatever the change raises.
    """
    path = file or files[-1]
    try:
        read(path)  # its own words for a file that is not there, not text or no YAML
        before = path.read_bytes()
    except SourceError as error:
        raise SettingsError(error.problems) from None
    draft = Draft(before.decode("utf-8"), str(path))
    change(draft)
    settings = load(files, environ, {path: draft.text})
    _refuse_incomplete(settings, _steps_before(files, environ))
    return EditedFile(path, before, draft.text.encode("utf-8"), settings)


def _steps_before(files: Sequence[Path], environ: Mapping[str, str]) -> Sequence[StepSettings]:
    """The steps as they are saved; none where the files are not in order, which an edit may be about to mend."""
    try:
        return load(files, environ).steps
    except SettingsError:
        return ()


def _refuse_incomplete(settings: Settings, before: Sequence[StepSettings]) -> None:
    """Raises SettingsError where a step that the edit adds or changes lacks a pair that it must have to be saved."""
    changed = [(index, step) for index, step in enumerate(settings.steps) if step not in before]
    problems = [
        Problem(settings.origin(each.path), settings.spoken(each.path), each.what, each.fix)
        for index, step in changed
        for each in person_complaints(step, ("steps", index))
    ]
    if problems:
        raise SettingsError(problems)


def place_of(draft: Draft, kind: str, name: str) -> tuple[str, int]:
    """The path of the entry called `name` of a list such as `steps`. Raises NotFoundError."""
    listed = draft.value((kind,)) or []
    names = [str(item.get("name")) if isinstance(item, Mapping) else "" for item in listed]
    if name not in names:
        one = kind.removesuffix("s")
        known = ", ".join(each for each in names if each)
        raise NotFoundError(
            f"there is no {one} {name}", f"{draft.name} does not hold it", f"it holds: {known or 'none'}"
        )
    return kind, names.index(name)


def file_of(files: Sequence[Path], kind: str, name: str) -> Path:
    """The file whose list `kind` holds an entry called `name`; the last, where several do. Raises NotFoundError."""
    for path in reversed(files):
        try:
            place_of(Draft(path.read_text("utf-8"), str(path)), kind, name)
        except NotFoundError:
            if path == files[0]:
                raise
        except (OSError, UnicodeDecodeError, SourceError):
            return path  # `edit` says what is wrong with it
        else:
            return path
    raise NotFoundError(
        f"there is no {kind.removesuffix('s')} {name}", "no file was named", "name one with -c FILE"
    )


def _replace(target: Path, content: bytes) -> None:
    """Write beside the file, then take its place: whoever reads it sees the one or the other whole."""
    known = target.stat()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if (os.geteuid(), os.getegid()) != (known.st_uid, known.st_gid):
                os.fchown(stream.fileno(), known.st_uid, known.st_gid)
            os.fchmod(stream.fileno(), known.st_mode & 0o7777)
            os.fsync(stream.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
