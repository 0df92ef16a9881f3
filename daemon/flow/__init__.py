"""The road: from a captured change to both sides in step. One stage, one module; effects only through ports."""
