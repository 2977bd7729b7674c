"""The device as an appliance: what a Debian system holds for it, and how that gets there and away again."""
