"""A clerk's day at a hospital counter: real PC/SC stack, simulated cards, a centre, and books that must agree."""
