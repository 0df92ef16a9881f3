"""Texts of the command line: the ten lines of `isthmus` alone, and help with its examples before its options."""

ABOUT = """\
isthmus keeps a Salesforce org and a PostgreSQL database in step, both ways.

  isthmus demo            see it work: everything on this machine, no Salesforce account needed
  isthmus run             the daemon

  isthmus status          where each step stands            isthmus doctor        what is wrong, and the fix
  isthmus record explain  why a record syncs, or does not   isthmus config check  the file, held against both sides
  isthmus parked list     what waits for a person           isthmus link list     which row is which record

Help on any of them: isthmus COMMAND -h. All commands: isthmus -h. Pages: docs/ beside the source.
"""


def help_with(summary: str, *examples: str) -> str:
    """Help text: one sentence, then examples. The mark before them keeps their lines as they are."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"{summary}\n\n\b\nExamples:\n{lines}"
