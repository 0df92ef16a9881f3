"""The parts of resolving settings against both sides: types, tables, fields, identifiers, order."""
