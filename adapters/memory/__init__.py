"""Ports kept in memory: time that moves only when told, and a meter that can be asked. For tests and simulations."""
