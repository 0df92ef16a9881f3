"""SOQL: a grammar, a compiler against the schema, and a run over the store.

It covers what sync tools and the usual clients send: field lists with parent paths and child subqueries, COUNT and other aggregates, WHERE
with all operators and date literals, semi-joins, ORDER BY, LIMIT and OFFSET.
"""

from adapters.emulator.soql.parse import parse
from adapters.emulator.soql.run import Result, execute

__all__ = ["Result", "execute", "parse"]
