"""Puts the secrets of compose.yaml into the volume that its services share, one file each, readable by the daemon alone.

`passwords` makes those that nobody else makes and leaves existing ones as they are, for the database remembers its own.
`org` takes the client id and secret out of the emulator's announcement, which is new at each of its starts.
"""

import json
import secrets
import sys
from pathlib import Path

FOLDER = Path("/run/isthmus")


def write(path: Path, secret: str) -> None:
    """Replace the file as a whole: a reader sees the old secret or the new one."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(secret)
    new.replace(path)


def main(what: str, folder: Path = FOLDER) -> None:
    if what == "passwords":
        for name in ("pg_password", "ops_token"):
            if not (folder / name).exists():
                write(folder / name, secrets.token_urlsafe(32))
    elif what == "org":
        announcement = json.loads((folder / "announcement.json").read_text())
        for name in ("client_id", "client_secret"):
            write(folder / f"sf_{name}", announcement[name])
    else:
        raise SystemExit(f"credentials: there is no '{what}'; say passwords or org")


if __name__ == "__main__":
    main(*sys.argv[1:2])
