"""Guards: the triggers that refuse local edits of what Salesforce alone gives (`pull: { owned: refuse }`).

A step that only pulls owns its rows whole: none is made, deleted or changed in a pulled column by anybody else. Of a step that also pushes, only the
columns that it never pushes are guarded.
"""

from collections.abc import Iterator, Mapping

from adapters.postgres.columns import differs, key_out
from adapters.postgres.documents import encode
from adapters.postgres.identifiers import filled, literal, object_name, qualified
from adapters.postgres.installing import Finding, Installation, Installed, drop_trigger
from adapters.postgres.queries import template
from daemon.domain.mapping import Step


class Guard(Installation):
    """One step's guard, as it should be."""

    prefix = "guard"
    noun = "guard"
    mark = "guard_"
    named = "guard "

    @property
    def events(self) -> tuple[str, ...]:
        """A step that pushes as well guards columns, one that only pulls whole rows too."""
        return ("update",) if self.step.direction.pushes else ("insert", "update", "delete", "truncate")

    def make_body(self) -> str:
        """What the function does."""
        step, types = self.step, self.step.table.types
        changed: Mapping[str, str] = {c: differs("n", "o", c, types[c]) for c in step.owned_columns}
        parts = {
            "step": literal(step.name),
            "step_comment": encode(step.name),
            "new_key": key_out("n", step.table.key),
            "old_key": key_out("o", step.table.key),
            "names": ", ".join(f"CASE WHEN {test} THEN {literal(c)} END" for c, test in changed.items()),
            "changed": " OR ".join(changed.values()),
        }
        return filled(template("guard_body"), parts)


def guards(step: Step, installed: Installed) -> Iterator[Finding]:
    """What is wrong with the guard of a step: it is missing, differs, or is there and not wanted."""
    if step.owned_columns:
        yield from Guard(step).findings(installed)
        return
    present = installed.functions.get(f"{Guard.prefix}_{object_name(step.name)}")
    if present is not None:
        drops = [drop_trigger(trigger) for trigger in installed.of(present.name)]
        drops.append(f"DROP FUNCTION {qualified('isthmus', present.name)}()")
        yield Finding(
            step.name, step.table.qualified, "a guard is there that the step does not ask for", tuple(drops)
        )
