"""The doctor's checks, a module for each topic."""
