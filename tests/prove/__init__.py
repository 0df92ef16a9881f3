"""The proof in figures: each promise that can be measured, measured by `./run prove` and held against its bar.

One module measures one figure, or a few that need the same scene. `register.FIGURES` is the one table of them. Each figure is
measured in a process of its own, so that one that fails or hangs harms no other. No figure is written down anywhere
but in what a run prints; `docs/guarantees.md` quotes runs.
"""
