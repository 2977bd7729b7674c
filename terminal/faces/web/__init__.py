"""The web face: pages for clerks and passengers on 127.0.0.1, and the same server as the API of other programs."""
