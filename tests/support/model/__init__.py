"""A model of the whole: two model sides and a model shell around the real core, played by seeds, judged by oracles."""
