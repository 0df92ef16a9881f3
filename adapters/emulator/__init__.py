"""A Salesforce org on a laptop: OAuth, REST, Bulk API 2.0 and streaming over one store in memory.

It follows what Salesforce documents and what clients have seen of real orgs, never what one client expects; it shares no code with the adapter
that talks to Salesforce, so that one wrong idea cannot pass on both sides.
"""

from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.options import Announcement, EmulatorOptions
from adapters.emulator.org import Org
from adapters.emulator.seeding import SeedRefused
from adapters.emulator.server import Emulator, HostRefused, KeysRefused

__all__ = [
    "Announcement",
    "Emulator",
    "EmulatorOptions",
    "HostRefused",
    "KeysRefused",
    "Org",
    "RecordRefused",
    "RequestRefused",
    "SeedRefused",
]
