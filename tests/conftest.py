"""The Hypothesis profile of every run: the same examples each time, and no deadline on a slow machine."""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")
