"""Drift of either side's schema: noticed, told, held, and made good when it is over."""
