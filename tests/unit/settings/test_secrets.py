import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from daemon.settings.load import loads, secret_problems
from daemon.settings.secrets import Places, Secret, SecretError, TextOrSecret, text_of
from tests.unit.settings.sample import NAME, TEXT, changed, line_of

ANY = TypeAdapter[Secret](Secret)


def secret(raw: dict[str, str], environ: dict[str, str] | None = None, folder: Path = Path()) -> Secret:
    return ANY.validate_python(raw, context=Places(environ or {}, folder))


def write(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "value"), [("k\n", "k"), ("k\r\n", "k"), ("k\n\n", "k\n"), (" $k ", " $k ")]
)
def test_a_secret_is_used_as_it_is_less_one_newline(tmp_path: Path, content: str, value: str) -> None:
    write(tmp_path / "key", content)
    assert secret({"file": "key"}, folder=tmp_path).read() == value
    assert secret({"credential": "key"}, {"ISTHMUS_SECRETS_DIR": str(tmp_path)}).read() == value


def test_a_secret_is_read_anew_each_time(tmp_path: Path) -> None:
    kept = secret({"file": str(write(tmp_path / "key", "old"))})
    assert kept.read() == "old"
    write(tmp_path / "key", "new")
    assert kept.read() == "new"


def test_systemd_comes_before_a_mounted_folder(tmp_path: Path) -> None:
    environ = {}
    for variable, folder in (("CREDENTIALS_DIRECTORY", "first"), ("ISTHMUS_SECRETS_DIR", "second")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "both", folder)
        environ[variable] = str(tmp_path / folder)
    write(tmp_path / "second" / "one", "mounted", mode=0o644)  # as Kubernetes mounts them
    assert secret({"credential": "both"}, environ).read() == "first"
    assert secret({"credential": "one"}, environ).read() == "mounted"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "key", "hunter2", mode=0o644)
    with pytest.raises(SecretError) as caught:
        secret({"file": str(path)}).read()
    assert caught.value.lines() == (
        "a secret cannot be read",
        f"{path} is open to every user (mode 0644)",
        f"Run: chmod o-rw {path}",
    )
    write(path, "hunter2", mode=0o640)
    assert secret({"file": str(path)}).read() == "hunter2"


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "key", "hunter2", mode=0o000)
    was = os.geteuid()
    if was == 0:  # root may read everything, nobody may not
        os.seteuid(65534)
    try:
        with pytest.raises(SecretError, match="cannot be read"):
            secret({"file": str(path)}).read()
    finally:
        os.seteuid(was)


def test_what_is_no_secret(tmp_path: Path) -> None:
    write(tmp_path / "empty", "\n")
    write(tmp_path / "long", "x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    said = {
        "none": "there is no file",
        "": "is not a file",
        "empty": "is empty",
        "long": "larger",
        "binary": "not text",
    }
    for name, why in said.items():
        with pytest.raises(SecretError) as caught:
            secret({"file": str(tmp_path / name)}).read()
        assert why in caught.value.why
    with pytest.raises(SecretError) as caught:
        secret({"env": "TOKEN"}).read()
    assert (caught.value.why, caught.value.fix) == ("the environment variable TOKEN is not set", "Set TOKEN.")
    with pytest.raises(SecretError, match="secret"):
        secret({"env": "TOKEN"}, {"TOKEN": ""}).read()
    with pytest.raises(SecretError) as caught:
        secret({"credential": "x"}).read()
    assert "neither CREDENTIALS_DIRECTORY nor ISTHMUS_SECRETS_DIR is set" in caught.value.why


def test_a_secret_is_in_no_representation(tmp_path: Path) -> None:
    path = write(tmp_path / "key", "hunter2")
    text = changed(
        ("{ env: PGPASS }", f"{{ file: {path} }}"), ("{ credential: sf_private_key }", "{ env: KEY }")
    )
    loaded = loads(text, {"KEY": "hunter2"}, NAME)
    assert loaded.database.password is not None
    assert loaded.database.password.read() == "hunter2"
    for shown in (repr(loaded), str(loaded), loaded.model_dump_json(), repr(loaded.database.password)):
        assert "hunter2" not in shown


def test_every_secret_that_cannot_be_read_is_told_where_it_is_named() -> None:
    found = [str(problem) for problem in secret_problems(loads(TEXT, {}, NAME))]
    assert found[0].startswith(
        f"{NAME}:{line_of('sf_private_key')}: salesforce.auth.private_key: there is no credential sf_private_key; looked in"
    )
    assert found[1] == (
        f"{NAME}:{line_of('PGPASS')}: database.password: the environment variable PGPASS is not set; Set PGPASS."
    )


def test_loading_reads_no_secret() -> None:
    assert loads(TEXT, {}).database.password is not None


def test_text_may_stand_for_itself() -> None:
    adapter = TypeAdapter[TextOrSecret](TextOrSecret)
    assert text_of(adapter.validate_python("3MVG9")) == "3MVG9"
    kept = adapter.validate_python({"env": "ID"}, context=Places({"ID": "3MVG9"}))
    assert text_of(kept) == "3MVG9"
