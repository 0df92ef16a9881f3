"""Comparing both sides: what an examination finds, the audit that goes round every pair each day, and operators' comparisons and repairs."""
