"""What is installed is what is written down, from nowhere in particular, under licences that ask for no more than a notice."""

from pathlib import Path

import pytest

from tests.support import check

HASH = "--hash=sha256:" + "0" * 64
OTHER = "--hash=sha256:" + "f" * 64


def test_locks_agree_with_the_project() -> None:
    assert check.all_lock_problems() == []


def test_no_configuration_names_a_place() -> None:
    assert check.place_problems() == []


def test_runtime_licences_are_permissive() -> None:
    assert check.licence_problems() == []


def test_nobody_else_provides_our_packages() -> None:
    assert check.ownership_problems() == []


def test_a_lock_is_read_with_markers_and_hashes() -> None:
    [first, second] = check.read_lock(
        f"# note\nA_b==1.0 ; sys_platform == 'win32' \\\n    {HASH} \\\n    {OTHER}\nc==2 {HASH}\n"
    )
    assert (first.name, first.version, first.hashes) == ("a-b", "1.0", 2)
    assert first.marker is not None
    assert (second.name, second.version, second.marker, second.hashes) == ("c", "2", None, 1)


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        (f"a==1.5 {HASH}", []),
        (f"A.=1.5 {HASH}", ["cannot read"]),
        ("", ["a>=1,<2 is missing"]),
        (f"a==2.0 {HASH}", ["a==2.0 does not satisfy a>=1,<2"]),
        ("a==1.5", ["a==1.5 has no hash"]),
        (f"a>=1.5 {HASH}", ["not pinned to one version: a>=1.5"]),
        (f"--extra-index-url somewhere\na==1.5 {HASH}", ["names an index"]),
        (f"a @ file:///x/a.whl {HASH}", ["names an index"]),
        (f"a==1.5 {HASH} # from /home/someone/wheels", ["names an index"]),
    ],
)
def test_each_fault_of_a_lock_is_seen(lock: str, expected: list[str]) -> None:
    problems = check.lock_problems("lock", lock, ["a>=1,<2"])
    assert len(problems) == len(expected), problems
    if expected != ["cannot read"]:
        assert all(part in problem for part, problem in zip(expected, problems, strict=True)), problems


@pytest.mark.parametrize(
    "line",
    [
        "find-links = 'file:///wheels'",
        "pip install --index-url x",
        "cd /root/checkout",
        "default = 'https://example.invalid/simple'",
    ],
)
def test_a_place_in_configuration_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "run").write_text(f"#!/bin/sh\n{line}\n")
    assert len(check.place_problems(tmp_path)) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            [("License-Expression", "MIT OR (Apache-2.0 AND GPL-3.0-only)")],
            {"MIT", "Apache-2.0", "GPL-3.0-only"},
        ),
        ([("Classifier", "License :: OSI Approved :: MIT License")], {"MIT"}),
        ([("Classifier", "License :: OSI Approved"), ("License", "Apache 2.0")], {"Apache-2.0"}),
        ([], set()),
    ],
)
def test_licences_are_read_however_they_are_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: list[tuple[str, str]], expected: set[str]
) -> None:
    folder = tmp_path / "thing-1.dist-info"
    folder.mkdir()
    lines = [("Metadata-Version", "2.4"), ("Name", "thing"), ("Version", "1"), *headers]
    (folder / "METADATA").write_text("".join(f"{name}: {value}\n" for name, value in lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert check.licences("thing") == expected


def test_a_package_named_like_ours_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "python_daemon-3.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.4\nName: python-daemon\nVersion: 3\n")
    (folder / "top_level.txt").write_text("daemon\n")
    monkeypatch.syspath_prepend(tmp_path)
    [problem] = check.ownership_problems()
    assert "python-daemon" in problem


def test_the_longest_functions_are_listed(tmp_path: Path) -> None:
    (tmp_path / "daemon").mkdir()
    (tmp_path / "daemon" / "one.py").write_text(
        "def short() -> None: ...\n\n\nasync def long() -> None:\n    a = 1\n    del a\n"
    )
    listed = check.longest(tmp_path, count=1).splitlines()
    assert listed == [
        "longest modules",
        "     6  daemon/one.py",
        "longest functions",
        "     3  daemon/one.py:4 long",
    ]


def test_the_lock_of_the_judges_names_no_address() -> None:
    assert check.node_lock_problems() == []


def test_each_fault_of_the_judges_lock_is_seen(tmp_path: Path) -> None:
    lock = tmp_path / "tests" / "judges" / "jsforce" / "package-lock.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(
        '{"packages": {"": {}, "a": {"resolved": "https://example.com/a.tgz"}, "b": {"integrity": "x"}}}'
    )
    problems = check.node_lock_problems(tmp_path)
    assert [problem.partition(": ")[2] for problem in problems] == ["a names an address", "a has no hash"]
