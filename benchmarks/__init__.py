"""Figures: how fast the parts of this project are, next to what the machine could do at all."""
