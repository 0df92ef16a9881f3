from pathlib import Path

import pytest

from daemon.settings.merge import merged, origins, plain
from daemon.settings.source import MAX_DEPTH, SourceError, SpelledFloat, parse, read


def refusal(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        parse(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_codes_and_times_are_what_was_written() -> None:
    tree = plain(parse("a: [NO, on, yes]\nt: 12:30\nd: 2026-01-01\nb: true\nn:\ns: '0123'\n", "f"))
    assert tree == {
        "a": ["NO", "on", "yes"],
        "t": "12:30",
        "d": "2026-01-01",
        "b": True,
        "n": None,
        "s": "0123",
    }


def test_a_number_keeps_its_spelling() -> None:
    tree = plain(parse("a: 0123\nb: 62.0\nc: 0x1F\nd: .inf\n", "f"))
    assert (tree["a"], tree["a"].spelling) == (123, "0123")
    assert isinstance(tree["b"], SpelledFloat)
    assert tree["b"].spelling == "62.0"
    assert tree["c"] == 31
    assert tree["d"] == float("inf")


def test_a_letter_may_be_escaped_as_json_does() -> None:
    assert plain(parse(r'a: "\ud83d\ude00"', "f")) == {"a": "😀"}


def test_keys_are_text() -> None:
    assert plain(parse("{1: a, true: b, null: c, 1.0: d}", "f")) == {
        "1": "a",
        "true": "b",
        "null": "c",
        "1.0": "d",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: is written twice (first at line 1); keep one of them"),
        ("x:\n  <<: {a: 1}\n", "f.yaml:2: <<: a merge key; YAML 1.2 has no `<<`; write the keys out"),
        ("a: !secret hunter2\n", "f.yaml:1: a YAML tag (!…) means nothing here; remove the tag"),
        ("a: !x {b: 1}\n", "f.yaml:1: a YAML tag"),
        ("? [a, b]\n: 1\n", "f.yaml:1: a key must be plain text; write `key: value`"),
        (
            "a: *hunter2\n",
            "f.yaml:1: an alias that no anchor defines; put a text that begins with * in quotes",
        ),
        ("a: [1\nb: 2\n", "f.yaml:2: is not valid YAML: expected ',' or ']', but got ':'"),
        ("a: @hunter2\n", "f.yaml:1: is not valid YAML"),
        ("%YAML 1.1\n---\na: NO\n", "f.yaml:1: asks for another YAML than 1.2; remove %YAML"),
        ("- a\n", "f.yaml:1: the file must be a map of keys; begin with `version: 1`"),
        ("", "f.yaml:1: the file must be a map of keys"),
        (r'a: "\ud83d"', "f.yaml:1: holds half a letter"),
        ("a: \x00", "f.yaml: is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: is not valid YAML"),
        ("[" * 2000, "f.yaml:1: is nested deeper than 40 levels"),
        ("a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "f.yaml:1: is nested deeper than 40 levels"),
        ("a: &x [*x]\n", "f.yaml:1: is nested deeper than 40 levels"),
    ],
)
def test_what_is_no_configuration_is_refused_where_it_stands(text: str, said: str) -> None:
    found = refusal(text)
    assert found[0].startswith(said)
    assert "hunter2" not in "".join(found)


def test_aliases_are_values_but_cannot_explode() -> None:
    assert plain(parse("a: &x [1, 2]\nb: *x\n", "f"))["b"] == [1, 2]
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)
    )
    assert "aliases written out" in refusal(bomb)[-1]


def test_every_problem_of_a_file_is_told() -> None:
    assert len(refusal("a: 1\na: 2\nb: !x y\n<<: 1\n")) == 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(b"a: \xff\n")
    for path, said in (
        (tmp_path / "none.yaml", "no such file"),
        (broken, "not UTF-8"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(SourceError, match=said):
            read(path)


def test_a_later_file_wins_and_values_know_their_file() -> None:
    base = "a: {x: 1, y: 2}\nl: [1, 2]\nsteps:\n  - {name: one, v: 1, w: 1}\n  - {name: two, v: 2}\n"
    over = "a: {y: 3}\nl: [9]\nsteps:\n  - {name: three}\n  - {name: one, v: 7}\n"
    tree = merged([parse(base, "base"), parse(over, "over")])
    assert plain(tree) == {
        "a": {"x": 1, "y": 3},
        "l": [9],
        "steps": [{"name": "one", "v": 7, "w": 1}, {"name": "two", "v": 2}, {"name": "three"}],
    }
    places = origins(tree)
    assert str(places.of(("a", "x"))) == "base:1"
    assert str(places.of(("a", "y"))) == "over:1"
    assert str(places.of(("steps", 0, "v"))) == "over:5"
    assert str(places.of(("steps", 0, "w"))) == "base:4"
    assert str(places.of(("steps", 0, "nothing", 3))) == "over:5"
    assert places.spoken(("steps", 0, "v", 3)) == "steps[one].v[3]"
