"""The real core and the real flow on virtual time, between an org and a database that live in memory.

One seed is one history: users on both sides, an order of deliveries, faults, then rest, then judgement by oracles. Only
the two ends are stand-ins: the database is `adapters.memory`, the org is the emulator's own model without HTTP.
"""
