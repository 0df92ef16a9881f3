"""The composition root: the only package that names adapters. Settings go in, running programs come out."""

from daemon.compose.daemon import run_daemon
from daemon.compose.demo import run_demo
from daemon.compose.emulator import run_emulator
from daemon.compose.sides import open_sides

__all__ = ["open_sides", "run_daemon", "run_demo", "run_emulator"]
