"""Bounds of this room, each with its reason."""

PLACES_COMPARED_MAX = 200
"""Routes, with their stops, at which two packs are compared: a city's own; of a province's a part of each network."""

PLACES_LISTED = 4
"""Places that a line of the table names before it only counts."""
