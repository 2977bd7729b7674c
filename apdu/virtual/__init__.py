"""Simulated chips: a second opinion on the product, written from the standard's side.

Nothing here may import the product's purse, layouts, profiles or scripts; both sides share only `apdu.crypto`
(pinned by published vectors), `apdu.command` and `apdu.errors`. The chips are deterministic from a seed.
"""
