"""From the text of a query to its tree."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import VisitError

from adapters.emulator.errors import RequestRefused
from adapters.emulator.soql.tree import (
    ANY_LITERALLY,
    ONE_LITERALLY,
    Aggregate,
    ChildQuery,
    Comparison,
    Condition,
    Constant,
    CountAll,
    DateWord,
    FieldItem,
    FieldsFunction,
    Includes,
    Item,
    Junction,
    Literal,
    Membership,
    Moment,
    Negation,
    Number,
    Order,
    Query,
    Text,
)

_ESCAPES = {"%": ANY_LITERALLY, "_": ONE_LITERALLY, "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_CONSTANTS: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_LONGEST_KEPT = 2000


def parse(text: str) -> Query:
    """The tree of a query. Raises RequestRefused with MALFORMED_QUERY."""
    return _kept(text) if len(text) <= _LONGEST_KEPT else _parse(text)


@lru_cache(maxsize=256)
def _kept(text: str) -> Query:
    return _parse(text)


def _parse(text: str) -> Query:
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise RequestRefused(400, "MALFORMED_QUERY", _complaint(text, error)) from None
    try:
        return replace(cast("Query", _TreeBuilder().transform(tree)), text=text)
    except (VisitError, RecursionError):
        raise RequestRefused(
            400, "MALFORMED_QUERY", "A number is out of range, or the conditions are nested too deep"
        ) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual")


def _complaint(text: str, error: UnexpectedInput) -> str:
    place: int | None = getattr(error, "pos_in_stream", None)  # None or -1 when the query ends too early
    position = len(text) if place is None or place < 0 else place
    found = re.match(r"\s*(\w+|\S|\Z)", text[position:])
    token = found.group(1) if found and found.group(1) else "<EOF>"
    shown = text[max(position - 30, 0) : position + 30]
    return f"\n{shown}\n^\nERROR at Row:1:Column:{position + 1}\nunexpected token: '{token}'"


def _unescape(body: str) -> str:
    return (
        _ESCAPE.sub(lambda match: _ESCAPES.get(match.group(1), match.group(1)), body)
        if "\\" in body
        else body
    )


def _count(text: str) -> int:
    """The number of LIMIT or OFFSET. Raises ValueError for one that counts nothing."""
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


class _TreeBuilder(Transformer[Token, object]):
    """Builds the tree bottom-up; one method for each rule of the grammar."""

    def start(self, parts: list[Query]) -> Query:
        return parts[0]

    def query(self, parts: list[object]) -> Query:
        names = [str(part) for part in parts if isinstance(part, Token) and part.type == "NAME"]
        items = cast("tuple[Item, ...]", next(part for part in parts if isinstance(part, tuple)))
        query = Query(items=items, entity=names[0], alias=names[1] if len(names) > 1 else None)
        clauses = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
        return replace(query, **clauses)

    def items(self, parts: list[Item]) -> tuple[Item, ...]:
        return tuple(parts)

    def count_all(self, _parts: list[Token]) -> CountAll:
        return CountAll()

    def aggregate(self, parts: list[Token]) -> Aggregate:
        return Aggregate(parts[0].lower(), str(parts[1]), str(parts[2]) if len(parts) > 2 else None)

    def fields_function(self, parts: list[Token]) -> FieldsFunction:
        return FieldsFunction(parts[1].upper())

    def field_item(self, parts: list[Token]) -> FieldItem:
        return FieldItem(str(parts[0]), str(parts[1]) if len(parts) > 1 else None)

    def child_query(self, parts: list[Query]) -> ChildQuery:
        return ChildQuery(parts[0])

    def using(self, _parts: list[Token]) -> dict[str, object]:
        return {}

    def where(self, parts: list[Condition]) -> dict[str, object]:
        return {"where": parts[-1]}

    def with_(self, _parts: list[Token]) -> dict[str, object]:
        return {}

    def group(self, parts: list[object]) -> dict[str, object]:
        names = tuple(str(part) for part in parts if isinstance(part, Token) and part.type == "NAME")
        clauses = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
        return {"group_by": names, **clauses}

    def having(self, parts: list[object]) -> dict[str, object]:
        return {"having": parts[-1]}

    def call(self, parts: list[Token]) -> str:
        return f"{parts[0].lower()}({parts[1]})"

    def order(self, parts: list[object]) -> dict[str, object]:
        return {"order": tuple(part for part in parts if isinstance(part, Order))}

    def order_item(self, parts: list[Token]) -> Order:
        kinds = {part.type for part in parts[1:]}
        return Order(str(parts[0]), "DESC" in kinds, "LAST" in kinds)

    def limit(self, parts: list[Token]) -> dict[str, object]:
        return {"limit": _count(parts[-1])}

    def offset(self, parts: list[Token]) -> dict[str, object]:
        return {"offset": _count(parts[-1])}

    def tail(self, parts: list[Token]) -> dict[str, object]:
        return {"all_rows": parts[0].type == "ALL"}

    def conjunction(self, parts: list[object]) -> Junction:
        return Junction(
            tuple(cast("Condition", part) for part in parts if not isinstance(part, Token)), every=True
        )

    def disjunction(self, parts: list[object]) -> Junction:
        return Junction(
            tuple(cast("Condition", part) for part in parts if not isinstance(part, Token)), every=False
        )

    def negation(self, parts: list[object]) -> Negation:
        return Negation(cast("Condition", parts[-1]))

    def comparison(self, parts: list[object]) -> Comparison:
        operator = str(parts[1])
        return Comparison(str(parts[0]), "!=" if operator == "<>" else operator, cast("Literal", parts[2]))

    def like(self, parts: list[object]) -> Comparison:
        return Comparison(str(parts[0]), "like", cast("Literal", parts[2]))

    def in_list(self, parts: list[object]) -> Membership:
        negated = any(isinstance(part, Token) and part.type == "NOT" for part in parts)
        return Membership(str(parts[0]), cast("tuple[Literal, ...] | Query", parts[-1]), negated)

    def includes(self, parts: list[object]) -> Includes:
        negated = any(isinstance(part, Token) and part.type == "EXCLUDES" for part in parts)
        return Includes(str(parts[0]), cast("tuple[Literal, ...]", parts[-1]), negated)

    def text_list(self, parts: list[Token]) -> tuple[Literal, ...]:
        return tuple(Text(_unescape(body)) for body in _QUOTED.findall(parts[0]))

    def value_list(self, parts: list[Literal]) -> tuple[Literal, ...]:
        return tuple(parts)

    def semi_join(self, parts: list[Query]) -> Query:
        return parts[0]

    def text(self, parts: list[Token]) -> Text:
        return Text(_unescape(parts[0][1:-1]))

    def datetime(self, parts: list[Token]) -> Moment:
        return Moment(str(parts[0]), whole_day=False)

    def date(self, parts: list[Token]) -> Moment:
        return Moment(str(parts[0]), whole_day=True)

    def number(self, parts: list[Token]) -> Number:
        return Number(float(parts[0]))

    def date_word(self, parts: list[Token]) -> DateWord:
        name, _, count = parts[0].partition(":")
        return DateWord(name.upper(), int(count))

    def word(self, parts: list[Token]) -> Literal:
        word = str(parts[0])
        if word.lower() in _CONSTANTS:
            return Constant(_CONSTANTS[word.lower()])
        return DateWord(word.upper())


setattr(_TreeBuilder, "with", _TreeBuilder.with_)  # the rule's name is a keyword of Python
