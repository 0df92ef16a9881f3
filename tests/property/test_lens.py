"""A column read at once gives, cell by cell, what reading each cell by itself gives: bases are the same to the byte."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce.bulk_columns import _CONVERT
from daemon.domain.canonical import from_salesforce
from daemon.domain.mapping import Field, Kind, OnUnmapped, Unmapped, ValueMap
from daemon.domain.side import Direction
from daemon.domain.value import is_blank
from daemon.flow.loading.lens import Lens

MAP = ValueMap({"Hot": "h", "Warm": "w"}, {"h": "Hot", "w": "Warm"})
FIELDS = st.sampled_from(
    [
        (None, {"kind": Kind.TEXT}),
        (None, {"kind": Kind.TEXT, "default": "none"}),
        (None, {"kind": Kind.TEXT, "values": MAP}),
        (None, {"kind": Kind.TEXT, "values": ValueMap({}, {}, Unmapped(OnUnmapped.KEEP), Unmapped())}),
        (None, {"kind": Kind.REFERENCE}),
        (None, {"kind": Kind.SET}),
        (None, {"kind": Kind.DATE}),
        (None, {"kind": Kind.TIME}),
        ("boolean", {"kind": Kind.BOOLEAN}),
        ("datetime", {"kind": Kind.DATETIME}),
        ("double", {"kind": Kind.NUMBER, "scale": 2}),
        ("currency", {"kind": Kind.NUMBER}),
        ("int", {"kind": Kind.NUMBER, "scale": 0}),
    ]
)
CELLS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
        st.sampled_from(
            ["", " ", "Hot", "true", "false", "a;b", "b;a;", "001Ky00000ZPES9IAP", "\r\n", "x\ry"]
        ),
        st.dates().map(str),
        st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
        st.integers().map(str),
        st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
        st.floats().map(str),
    ),
    max_size=30,
)


@given(FIELDS, CELLS)
def test_a_column_is_read_as_its_cells_are(
    shape: tuple[str | None, dict[str, Any]], cells: list[str]
) -> None:
    bulk_type, more = shape
    field = Field("F", "f", direction=Direction.TWO_WAY, **more)
    read = _CONVERT[bulk_type] if bulk_type is not None else None
    lens = Lens(field, read)
    for cell, value in zip(cells, lens.values(cells), strict=True):
        reading = from_salesforce(field, None if not cell else cell if read is None else read(cell))
        assert (cell in lens.odd) == (reading.absent or reading.failure is not None)
        if cell not in lens.odd:
            alone = None if is_blank(reading.value) else reading.value
            assert value == alone
            assert type(value) is type(alone)
            assert orjson.dumps(value) == orjson.dumps(alone)
