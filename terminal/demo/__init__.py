"""The main job shown to a newcomer: a device on the real reader stacks, simulated chips, a backend, closed books."""
