"""JSON that `jsonb` can hold."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.documents import decode, encode, storable_text

TEXT = st.text(alphabet=st.characters(codec=None))  # lone surrogates included


@given(st.dictionaries(TEXT, st.none() | TEXT | st.booleans() | st.lists(TEXT).map(tuple)))
def test_any_value_has_a_storable_document(value: dict[str, object]) -> None:
    text = encode(value)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()
    assert len(decode(text)) <= len(value)


@given(st.dictionaries(st.text(), st.text().filter(lambda text: "\0" not in text)))
def test_ordinary_text_is_kept(value: dict[str, str]) -> None:
    clean = {name: text for name, text in value.items() if "\0" not in name}
    assert decode(encode(clean)) == clean


def test_what_cannot_be_stored_is_replaced() -> None:
    assert storable_text("a\0b\udfffc") == "a\ufffdb\ufffdc"
    assert decode(encode({"a": "\\u0000"})) == {"a": "\\u0000"}
