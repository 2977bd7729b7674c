"""Against the real things: processes that are killed, a file system that loses what was not synced, each tear there is.

`python -m tests.proof --help` lists the long forms; docs/proof.md says what each level shows and what it cannot.
"""
