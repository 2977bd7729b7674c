"""The simulated world: everything of the product runs from one seed, with no real time (docs/world.md)."""
