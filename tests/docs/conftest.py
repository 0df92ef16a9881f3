"""The order of the pages whose commands are run in one world."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one page leaves is there for the next, so their order is not left to chance: that of their names, among themselves."""
    places = [place for place, item in enumerate(items) if item.path.name == "test_how_to_consoles.py"]
    in_order = sorted((items[place] for place in places), key=lambda item: item.name)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item
