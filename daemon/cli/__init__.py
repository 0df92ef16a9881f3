"""The command line: thin over `daemon.compose` where it works itself, a client of the HTTP API where a daemon runs.

Modules here import nothing heavy when they are loaded: `isthmus --help` must be quick, so each command imports what it
needs when it is called.
"""
