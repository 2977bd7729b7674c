"""Bounds of this room, each with its reason."""

ROUTES_COMPARED_MAX = 200
"""Routes on which two packs are compared: a city's own; a province's are compared network by network."""

ROUTES_LISTED = 4
"""Routes that a line of the table names before it only counts."""
