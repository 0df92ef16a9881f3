"""What the daemon needs from the world: Protocols whose docstrings are the contract."""
