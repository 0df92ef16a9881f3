"""Edits of the configuration's text: what is not touched keeps every byte, and a refused edit keeps them all."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.failure import NotFoundError, RefusedError
from daemon.settings.draft import Draft
from daemon.settings.editing import edit, file_of, place_of
from daemon.settings.errors import SettingsError
from tests.unit.settings.sample import TEXT

COMMENTED = (
    TEXT.replace("steps:\n", "# ours, in the order of the audit\nsteps:  # two\n").replace(
        "  - name: people\n", "\n  # whoever wrote to us\n  - name: people  # contacts\n"
    )
    + "\n# who listens\nlog: { level: 'info' }\n"
)
NEW = {
    "name": "leads",
    "salesforce": {"object": "Lead"},
    "postgres": {"table": "crm.leads", "key": "id"},
    "direction": "pull",
    "fields": [{"salesforce": "Company", "postgres": "company"}],
}


def draft(text: str = COMMENTED) -> Draft:
    return Draft(text, "isthmus.yaml")


def lines_without(text: str, *others: str) -> list[str]:
    return [line for line in text.splitlines() if line not in others]


def test_an_added_step_stands_after_the_last_and_every_other_line_stays() -> None:
    edited = draft()
    edited.append(("steps",), NEW)
    added = [
        "  - name: leads",
        "    salesforce: { object: Lead }",
        "    postgres: { table: crm.leads, key: id }",
        "    direction: pull",
        "    fields:",
        "      - { salesforce: Company, postgres: company }",
    ]
    before, after = COMMENTED.splitlines(), edited.text.splitlines()
    start = before.index("# who listens") - 1
    assert after == [*before[:start], *added, *before[start:]]
    assert edited.value(("steps", 2)) == NEW


def test_a_removed_step_takes_its_own_lines_and_no_others() -> None:
    edited = draft()
    edited.remove(("steps", 0))
    before = COMMENTED.splitlines()
    start, end = before.index("  - name: accounts"), before.index("  # whoever wrote to us") - 1
    assert edited.text.splitlines() == [*before[:start], *before[end:]]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("steps", 0, "direction"), "pull", "    direction: two_way\n", "    direction: pull\n"),
        (("log", "level"), "debug", "level: 'info' }", "level: debug }"),
        (("steps", 0, "push", "create"), "on_request", "update_or_create }", "update_or_create, create: on_request }"),
        (("steps", 1, "on_delete"), "keep", "conflict: true_wins }\n", "conflict: true_wins }\n    on_delete: keep\n"),
        (("steps", 1, "pull", "behaviour"), "update_only", "true_wins }\n", "true_wins }\n    pull: { behaviour: update_only }\n"),
        (("steps", 1, "depends_on"), [], "depends_on: [accounts]", "depends_on: []"),
        (("name",), "007", "name: acme-prod", "name: '007'"),
    ],
)  # fmt: skip
def test_a_value_is_set_where_it_stands(
    path: tuple[str | int, ...], value: object, old: str, new: str
) -> None:
    edited = draft()
    edited.set(path, value)
    assert edited.text == COMMENTED.replace(old, new, 1)
    assert edited.value(path) == value


def test_a_mapping_is_added_to_a_block_and_to_one_line_and_made_where_there_is_no_list() -> None:
    field = {"salesforce": "Phone", "postgres": "phone"}
    for text in (
        "a:\n  f:\n  - { x: 1 } # one\nb: 2\n",
        "a:\n  f: [{ x: 1 }]\nb: 2\n",
        "a: {}\nb: 2\n",
        "a:\n  g: 1\nb: 2\n",
    ):
        edited = draft(text)
        edited.append(("a", "f"), field)
        assert edited.value(("a", "f"))[-1] == field
        assert edited.value(("b",)) == 2
        assert "#" not in text or "# one\n" in edited.text


def test_a_key_with_nothing_behind_it_gets_a_value_and_its_comment_stays() -> None:
    edited = draft("a:\n  f: # later: more\n# the end\n")
    edited.set(("a", "f"), 1)
    assert edited.text == "a:\n  f: 1 # later: more\n# the end\n"
    empty = draft("a:\n  f: # later: more\n# the end\n")
    empty.set(("a", "g"), 2)
    assert empty.text == "a:\n  f: # later: more\n  g: 2\n# the end\n"


def test_entries_of_one_line_are_removed_with_their_comma() -> None:
    for place, left in ((0, "[b, c]"), (1, "[a, c]"), (2, "[a, b]")):
        edited = draft("x: [a, b, c]\n")
        edited.remove(("x", place))
        assert edited.text == f"x: {left}\n"
    edited = draft("x: [a] # only one\n")
    edited.remove(("x", 0))
    assert edited.text == "x: [] # only one\n"


def test_lines_end_as_the_file_ends_them() -> None:
    edited = draft(COMMENTED.replace("\n", "\r\n"))
    edited.append(("steps",), NEW)
    edited.set(("steps", 0, "on_delete"), "keep")
    assert "\n" not in edited.text.replace("\r\n", "")
    assert edited.value(("steps", 0, "on_delete")) == "keep"


def test_what_an_anchor_shares_is_not_edited_through_its_alias() -> None:
    edited = draft("base: &b { x: 1 }\nother: *b\n")
    with pytest.raises(RefusedError, match="alias"):
        edited.set(("other", "x"), 2)


names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
atoms = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
    | st.integers()
    | st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(
    names,
    st.dictionaries(
        names,
        atoms | st.lists(atoms, max_size=3) | st.dictionaries(names, atoms, max_size=3),
        min_size=1,
        max_size=4,
    ),
)
def test_comments_and_other_lines_survive_every_edit_and_every_value_is_read_back(
    name: str, value: dict[str, object]
) -> None:
    """Whatever is added, set and removed again, what others wrote is left byte for byte."""
    edited = draft()
    entry = {"name": name, **{key: item for key, item in value.items() if key != "name"}}
    edited.append(("steps",), entry)
    assert edited.value(("steps", 2)) == entry
    edited.set(("steps", 2, "added"), value)
    assert edited.value(("steps", 2, "added")) == value
    assert edited.value(("steps", 1, "name")) == "people"
    edited.remove(("steps", 2))
    assert edited.text == COMMENTED


def saved(tmp_path: Path, text: str = COMMENTED) -> Path:
    path = tmp_path / "isthmus.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o640)
    return path


def test_an_edit_is_saved_whole_with_the_mode_that_the_file_has_and_through_a_link(tmp_path: Path) -> None:
    path = saved(tmp_path)
    link = tmp_path / "linked.yaml"
    link.symlink_to(path)
    edited = edit([link], lambda d: d.set(("steps", 0, "direction"), "pull"), {})
    assert path.read_text("utf-8") == COMMENTED, "nothing is saved before it is asked for"
    assert "-    direction: two_way\n+    direction: pull\n" in edited.diff()
    edited.save()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text("utf-8") == COMMENTED.replace("direction: two_way", "direction: pull", 1)
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_refused_edit_changes_no_byte_and_names_line_rule_and_allowed_values(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(SettingsError) as caught:
        edit([path], lambda d: d.set(("steps", 0, "direction"), "sideways"), {})
    line = 1 + COMMENTED.splitlines().index("    direction: two_way")
    assert (
        f"{path}:{line}: steps[accounts].direction: 'sideways' is none of the allowed words"
        in caught.value.why
    )
    assert "pull, push, two_way" in caught.value.why
    assert path.read_bytes() == COMMENTED.encode()


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edited = edit([path], lambda d: d.set(("steps", 0, "direction"), "pull"), {})
    path.write_text(COMMENTED + "# mine\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="was not changed"):
        edited.save()
    assert path.read_text("utf-8").endswith("# mine\n")


def test_a_step_is_edited_in_the_last_file_that_holds_it(tmp_path: Path) -> None:
    base, over = saved(tmp_path), tmp_path / "prod.yaml"
    over.write_text("steps:\n  - name: people\n    direction: pull\n", encoding="utf-8")
    assert file_of([base, over], "steps", "people") == over
    assert file_of([base, over], "steps", "accounts") == base
    with pytest.raises(NotFoundError, match="there is no step nobody"):
        file_of([base, over], "steps", "nobody")
    assert place_of(draft(), "steps", "people") == ("steps", 1)
    edited = edit([base, over], lambda d: d.set((*place_of(d, "steps", "people"), "direction"), "push"), {})
    assert edited.path == over
    assert [step.direction.value for step in edited.settings.steps] == ["two_way", "push"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f:  # see: it\n  sql: x\nb: 2\n", "f: { sql: new }  # see: it\nb: 2\n"),
        ("f:\n  # see: it\n  sql: x\nb: 2\n", "f: { sql: new }\n  # see: it\nb: 2\n"),
        ("f :\n  sql: |\n    a: 1\nb: 2\n", "f : { sql: new }\nb: 2\n"),
        ("f:\r\n  # see: it\r\n  sql: x\r\nb: 2\r\n", "f: { sql: new }\r\n  # see: it\r\nb: 2\r\n"),
    ],
)
def test_a_value_goes_behind_its_key_and_into_no_comment(before: str, after: str) -> None:
    edited = draft(before)
    edited.set(("f",), {"sql": "new"})
    assert edited.text == after
    assert edited.value(("f",)) == {"sql": "new"}
    assert edited.value(("b",)) == 2


def test_the_last_entry_leaves_an_empty_list_behind_its_key_and_the_comment() -> None:
    edited = draft("steps:\n  # ours: mine\n  - name: a\n    direction: pull\nb: 2\n")
    edited.remove(("steps", 0))
    assert edited.text == "steps: []\n  # ours: mine\nb: 2\n"
    assert edited.value(("steps",)) == []
    nested = draft("x:\n  - a: 1\n  - b: 2\n")
    nested.remove(("x", 1, "b"))
    assert nested.text == "x:\n  - a: 1\n  - {}\n"


def test_what_cannot_be_found_again_after_it_was_set_is_refused() -> None:
    text = "? f # a: key\n: { sql: x }\nb: 2\n"
    edited = draft("? f # a: key\n:\n  sql: x\nb: 2\n")
    with pytest.raises(RefusedError, match="f could not be set"):
        edited.set(("f",), 1)
    assert edited.text == "? f # a: key\n:\n  sql: x\nb: 2\n"
    known = draft(text)
    known.set(("f",), 1)
    assert known.value(("f",)) == 1
