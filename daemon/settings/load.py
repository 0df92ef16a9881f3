"""From files to settings, or to everything that is wrong with them.

One broken key hides no other: where the whole does not validate, each section and each step is validated by itself, and the
rules that relate them are applied to those that stand.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from daemon.settings.campaigns import CampaignSettings, campaign_steps
from daemon.settings.connections import DatabaseSettings, SalesforceSettings
from daemon.settings.destinations import with_destinations
from daemon.settings.errors import Origin, Problem, SettingsError
from daemon.settings.filters import FilterSettings
from daemon.settings.merge import Path, merged, origins, plain
from daemon.settings.models import Settings
from daemon.settings.profile import profile_problems, with_profile
from daemon.settings.rules import Known, broken_rules
from daemon.settings.scalars import Section
from daemon.settings.secrets import CredentialSecret, EnvSecret, FileSecret, Places, SecretError
from daemon.settings.source import Block, Entry, Scalar, SourceError, parse, read
from daemon.settings.steps import DefaultSettings, StepSettings
from daemon.settings.translate import problems_of

_S = TypeVar("_S", bound=Section)

OVERRIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "ISTHMUS_LOG_LEVEL": ("log", "level"),
    "ISTHMUS_HTTP_LISTEN": ("http", "listen"),
}


def load(
    paths: Sequence[FilePath], environ: Mapping[str, str], instead: Mapping[FilePath, str] | None = None
) -> Settings:
    """The settings of one or more files, merged from left to right, with what the environment may override.

    A text in `instead` stands for what its file holds: an edit that is not saved yet. No secret is read. Raises SettingsError with every problem that was found.
    """
    blocks: list[Block] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            text = (instead or {}).get(path)
            blocks.append(read(path) if text is None else parse(text, str(path)))
        except SourceError as error:
            problems += error.problems
    if not paths:
        fix = "name one with -c FILE, or set ISTHMUS_CONFIG"
        problems.append(Problem(Origin("isthmus"), "", "no configuration file was named", fix))
    if problems:
        raise SettingsError(problems)
    return _settings([*blocks, *_overrides(environ)], Places(environ, paths[0].parent))


def loads(text: str, environ: Mapping[str, str], name: str = "isthmus.yaml") -> Settings:
    """The settings of a text, as `load` gives those of a file called `name`."""
    try:
        block = parse(text, name)
    except SourceError as error:
        raise SettingsError(error.problems) from None
    return _settings([block, *_overrides(environ)], Places(environ, FilePath(name).parent))


def secret_problems(settings: Settings) -> tuple[Problem, ...]:
    """The secrets that cannot be read now, where each is named, and what to do."""
    problems: list[Problem] = []
    for path, secret in _secrets(settings, ()):
        try:
            secret.read()
        except SecretError as error:
            problems.append(Problem(settings.origin(path), settings.spoken(path), error.why, error.fix))
    return tuple(problems)


def _secrets(value: Any, path: Path) -> list[tuple[Path, FileSecret | CredentialSecret | EnvSecret]]:
    if isinstance(value, FileSecret | CredentialSecret | EnvSecret):
        return [(path, value)]
    if isinstance(value, Section):
        inner = [(name, getattr(value, name)) for name in type(value).model_fields]
        return [found for name, part in inner for found in _secrets(part, (*path, name))]
    if isinstance(value, tuple):
        return [found for index, part in enumerate(value) for found in _secrets(part, (*path, index))]
    return []


def _overrides(environ: Mapping[str, str]) -> list[Block]:
    blocks = []
    for variable, path in OVERRIDES.items():
        value = environ.get(variable)
        if not value:
            continue
        origin = Origin(f"${variable}")
        tree: Block | Scalar = Scalar(origin, value)
        for key in reversed(path):
            tree = Block(origin, {key: Entry(origin, tree)})
        assert isinstance(tree, Block)
        blocks.append(tree)
    return blocks


def _settings(blocks: list[Block], places: Places) -> Settings:
    written = merged(blocks)
    fixed = list(profile_problems(written, origins(written)))
    tree, unclear = with_destinations(with_profile(written))
    fixed += unclear
    raw, where = plain(tree), origins(tree)
    try:
        settings = Settings.model_validate(raw, context=places)
    except ValidationError as error:
        problems = problems_of(error, Settings, where)
        raise SettingsError([*fixed, *problems, *broken_rules(_standing(raw), where)]) from None
    problems = [*fixed, *broken_rules(_standing(raw), where)]
    if problems:
        raise SettingsError(problems)
    if settings.campaigns is not None:
        more = campaign_steps(settings.campaigns, settings.steps)
        settings = settings.model_copy(update={"steps": (*settings.steps, *more)})
    return settings.located(where)


def _standing(raw: Mapping[str, Any]) -> Known:
    """The parts of a configuration that validate by themselves."""
    steps = raw.get("steps")
    listed = steps if isinstance(steps, list) else []
    valid = [(index, _valid(StepSettings, step)) for index, step in enumerate(listed)]
    return Known(
        salesforce=_valid(SalesforceSettings, raw.get("salesforce")),
        database=_valid(DatabaseSettings, raw.get("database")),
        defaults=_valid(DefaultSettings, raw.get("defaults", {})),
        steps=tuple((index, step) for index, step in valid if step is not None),
        names=tuple(_step_name(step) for step in listed),
        filters=_filters(raw.get("filters")),
        campaigns=_valid(CampaignSettings, raw["campaigns"]) if raw.get("campaigns") is not None else None,
    )


def _filters(raw: Any) -> dict[str, FilterSettings]:
    listed = raw if isinstance(raw, dict) else {}
    rules = {name: {"rules": item} if isinstance(item, list) else item for name, item in listed.items()}
    found = {name: _valid(FilterSettings, item) for name, item in rules.items()}
    return {name: settings for name, settings in found.items() if settings is not None}


def _step_name(raw: Any) -> str | None:
    name = raw.get("name") if isinstance(raw, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"\w+", name) else None


def _valid(model: type[_S], raw: Any) -> _S | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None
