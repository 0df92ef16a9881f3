"""All checks that run no test: `python -m tests.support.check`.

Each step prints `ok` or `FAIL` with what it found; the status is 1 if any failed. Sizes are information and never fail.
The checks of locks, licences and packages are functions that return the problems they see, so that tests run them too.
"""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OWN_PACKAGES = ("daemon", "adapters")
CONFIGURATION = ("pyproject.toml", "run", ".ci/run", "Makefile")

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
# Licences that ask for more than a notice, accepted for one package each.
ACCEPTED: Mapping[str, str] = {"orjson": "MPL-2.0"}  # covers files of a library that it embeds unchanged
_SPOKEN_NAMES: Mapping[str, str] = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}

_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bfile:|(?<!\S)--?(?:index|extra-index|find-links|trusted)[a-z-]*"
)
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|mnt|opt|private|root|srv|tmp|Users|var|work)/")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked version of one package."""

    name: str
    version: str
    marker: Marker | None
    hashes: int


def read_lock(text: str) -> Iterator[Pin]:
    """The pins of a requirements file. Raises ValueError for a line that is anything else."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        wanted, *hashes = line.split(" --hash=sha256:")
        requirement = Requirement(wanted.strip())
        versions = [part.version for part in requirement.specifier if part.operator == "=="]
        if len(versions) != 1 or requirement.url is not None:
            raise ValueError(f"not pinned to one version: {wanted.strip()}")
        good = [digest for digest in hashes if re.fullmatch(r"[0-9a-f]{64}", digest.strip())]
        yield Pin(canonicalize_name(requirement.name), versions[0], requirement.marker, len(good))


def lock_problems(lock: str, text: str, wanted: Iterable[str]) -> list[str]:
    """Where a lock disagrees with the requirements `wanted`, lacks a hash, or names a place."""
    if _ADDRESS.search(text) or _MACHINE_PATH.search(text):
        return [
            f"{lock}: names an index, a host or a path: {_ADDRESS.findall(text) + _MACHINE_PATH.findall(text)}"
        ]
    try:
        pins = list(read_lock(text))
    except ValueError as error:
        return [f"{lock}: {error}"]
    problems = [f"{lock}: {pin.name}=={pin.version} has no hash" for pin in pins if not pin.hashes]
    for line in wanted:
        requirement = Requirement(line)
        found = [pin for pin in pins if pin.name == canonicalize_name(requirement.name)]
        if not found:
            problems.append(f"{lock}: {line} is missing")
        problems += [
            f"{lock}: {pin.name}=={pin.version} does not satisfy {line}"
            for pin in found
            if not requirement.specifier.contains(pin.version, prereleases=True)
        ]
    return problems


def all_lock_problems(root: Path = ROOT) -> list[str]:
    """Every lock against pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run = [*project["project"]["dependencies"], *groups["build"]]
    demo = [*run, *project["project"]["optional-dependencies"]["demo"]]
    wanted = {
        "run.txt": run,
        "demo.txt": demo,
        "dev.txt": [*demo, *groups["dev"]],
        "uv.txt": (root / "requirements" / "uv.in").read_text().split(),
    }
    folder = root / "requirements"
    problems = [f"requirements/{lock} is missing" for lock in wanted if not (folder / lock).exists()]
    present = {lock: lines for lock, lines in wanted.items() if (folder / lock).exists()}
    for lock, lines in present.items():
        problems += lock_problems(f"requirements/{lock}", (folder / lock).read_text(), lines)
    return problems


def node_lock_problems(root: Path = ROOT) -> list[str]:
    """Packages of the judges' lock that name where they were downloaded from, or have no hash."""
    name = "tests/judges/jsforce/package-lock.json"
    packages = json.loads((root / name).read_text())["packages"]
    return [
        f"{name}: {path} {problem}"
        for path, package in packages.items()
        if path
        for problem, there in (
            ("names an address", "resolved" in package),
            ("has no hash", "integrity" not in package),
        )
        if there
    ]


def place_problems(root: Path = ROOT) -> list[str]:
    """Configuration that would only work on the machine where it was written."""
    problems = []
    for name in CONFIGURATION:
        path = root / name
        text = path.read_text() if path.exists() else ""
        if found := [*_ADDRESS.findall(text), *_MACHINE_PATH.findall(text)]:
            problems.append(f"{name}: names an index, a host or a path: {found}")
    return problems


def licence_problems(root: Path = ROOT) -> list[str]:
    """Installed packages of the runtime lock whose licence is not on the list."""
    problems = []
    for pin in read_lock((root / "requirements" / "run.txt").read_text()):
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            named = licences(pin.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{pin.name} is locked but not installed")
            continue
        if foreign := named - PERMISSIVE - {ACCEPTED.get(pin.name, "")}:
            problems.append(f"{pin.name}: licence {', '.join(sorted(foreign))} is not on the list")
        if not named:
            problems.append(f"{pin.name} states no licence")
    return problems


def licences(package: str) -> set[str]:
    """The licences that an installed package states, by the newest of the three ways in which it may state them.

    Raises importlib.metadata.PackageNotFoundError.
    """
    metadata = importlib.metadata.metadata(package)
    if expression := "".join(metadata.get_all("License-Expression") or ()):
        return {part.strip(" ()") for part in re.split(r"\bAND\b|\bOR\b", expression)}
    classifiers = [
        line.rsplit(" :: ", 1)[-1]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License")
    ]
    stated = [name for name in classifiers if name != "OSI Approved"] or metadata.get_all("License") or []
    return {_SPOKEN_NAMES.get(name, name) for name in stated if name}


def ownership_problems() -> list[str]:
    """Other installed distributions that bring a package named like ours: ours would be half theirs."""
    providers = importlib.metadata.packages_distributions()
    return [
        f"the package {package} also comes from {other}: install into an environment of its own"
        for package in OWN_PACKAGES
        for other in providers.get(package, ())
        if canonicalize_name(other) != "isthmus"
    ]


def longest(root: Path = ROOT, count: int = 10) -> str:
    """The longest modules and functions, longest first: where two things may live in one place."""
    modules: list[tuple[int, str]] = []
    functions: list[tuple[int, str]] = []
    for path in sorted(path for package in OWN_PACKAGES for path in (root / package).rglob("*.py")):
        text = path.read_text()
        where = path.relative_to(root)
        modules.append((text.count("\n"), str(where)))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                functions.append((length, f"{where}:{node.lineno} {node.name}"))
    lines = []
    for title, found in (("modules", modules), ("functions", functions)):
        lines.append(f"longest {title}")
        lines += [f"  {length:4d}  {name}" for length, name in sorted(found, reverse=True)[:count]]
    return "\n".join(lines)


def command_problems(*command: str) -> list[str]:
    """The output of a command of the development environment, if it failed."""
    binary = Path(sys.executable).parent / command[0]
    done = subprocess.run([str(binary), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    return [(done.stdout + done.stderr).strip()] if done.returncode else []


STEPS: Mapping[str, Callable[[], list[str]]] = {
    "format": lambda: command_problems("ruff", "format", "--check"),
    "lint": lambda: command_problems("ruff", "check"),
    "types": lambda: command_problems("mypy", "--explicit-package-bases"),
    "imports": lambda: command_problems("lint-imports", "--no-logo"),
    "locks": lambda: all_lock_problems() + node_lock_problems(),
    "places": place_problems,
    "licences": licence_problems,
    "packages": ownership_problems,
}


def main() -> int:
    failed = False
    for name, problems_of in STEPS.items():
        problems = problems_of()
        print(f"{'FAIL' if problems else 'ok  '} {name}", *problems, sep="\n     ", flush=True)
        failed = failed or bool(problems)
    print(longest())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
