"""The journal's troubles, each with what to do about it. Whoever meets one before a debit refuses the card."""


class JournalError(Exception):
    """The journal cannot do what was asked; nothing was written. The message says what to do."""


class JournalFull(JournalError):
    """No room on the disk for another draft and its outcome."""


class JournalBroken(JournalError):
    """The disk failed under a write, so nobody knows what it holds; close the journal and open it again."""


class JournalInUse(JournalError):
    """Another process holds the journal open."""


class WrongJournal(JournalError):
    """The file belongs to another terminal or epoch, has an unknown schema, or is no journal at all."""


class DamagedJournal(JournalError):
    """The file is a journal, but what it holds does not fit together."""


class UnusableSqlite(JournalError):
    """The SQLite library is one that can lose a journal."""


class StoreTrouble(Exception):
    """The entitlement store's file cannot be used. The message says what to do."""
