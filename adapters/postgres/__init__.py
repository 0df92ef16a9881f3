"""PostgreSQL: the state of the sync, the user's tables, and the capture of their changes."""
