"""A Debian system of its own in a container, with systemd as its first process, that becomes a terminal."""
