"""`isthmus demo`: embedded PostgreSQL, the org emulator, and the daemon between them."""

from pathlib import Path


async def run_demo(*, check: bool, database: str | None, keep: Path | None) -> int:
    """Run the demonstration."""
    raise RuntimeError(f"not built yet: {check} {database} {keep}")
