"""What people and programs did at this device's own page."""

from sync.events.event import Event


class ClerkAct(Event, frozen=True, tag="CLERK_ACT"):
    """One act. `clerk` a work number or a program's name, "" for one that is not known here; no person's name.

    `role` "" where nobody was logged in; `act` as the API calls it; `operation` its caller's name for it, "" for a
    log-in; `outcome` "done", or in a word why not.
    """

    clerk: str
    role: str
    act: str
    operation: str
    outcome: str
