"""The HTTP face: it serves endpoints that it is given, and decides only who may ask and how failures are told."""
