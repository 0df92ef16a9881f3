"""The tester's side door: what makes the org misbehave, and what it has seen."""
