"""Fares as data: GTFS-Fares v2 tables, how a leg and a transfer match them, and what they cost."""
