"""Operators' acts are tested on real parts: a road between an emulated org and a database."""

from tests.integration.flow.conftest import key_directory, make_road

__all__ = ["key_directory", "make_road"]
