"""Decisions: what differs, who wins, what is to be written. Pure: same inputs, same plan, no clock and no I/O."""
