"""What a top-up counter asks the backend, beside the batches: MAC2 for a held load, and what is to be given back."""

import re
from typing import Protocol

from apdu.purse.load import Granted
from sync.asking import NoAnswer, ask
from sync.events import LoadHeld
from sync.link import Link
from sync.loading import Answer, Ask, Due, Dues, RefundsOf


class Issuer(Protocol):
    """Whoever grants loads."""

    def granted(self, seq: int, held: LoadHeld) -> Granted | str:
        """MAC2 for the load of row `seq`, or why there is none, in a word; "no_answer" when nobody said."""
        ...

    def refunds(self, card: str) -> list[Due]:
        """What is to be given back to a card (20 digits). Raises NoAnswer."""
        ...


class Backend:
    """The backend behind a link. Used by one thread."""

    def __init__(self, link: Link, terminal: str, epoch: int) -> None:
        self._link = link
        self._terminal = terminal
        self._epoch = epoch
        self._path = f"/v1/terminals/{terminal}/"

    def granted(self, seq: int, held: LoadHeld) -> Granted | str:
        """See Issuer. A lost answer is asked for once more: the same question has the same answer."""
        question = Ask(self._terminal, self._epoch, seq, held)
        try:
            try:
                answer = ask(self._link, self._path + "loads", question, Answer)
            except NoAnswer:
                answer = ask(self._link, self._path + "loads", question, Answer)
            if answer.state == "granted":
                granted = Granted(bytes.fromhex(answer.mac2), answer.when)
                is_whole = len(granted.mac2) == 4 and re.fullmatch("[0-9]{14}", granted.when, re.ASCII)
                return granted if is_whole else "no_answer"
        except (NoAnswer, ValueError):
            return "no_answer"
        return answer.why or "refused"

    def refunds(self, card: str) -> list[Due]:
        """See Issuer."""
        return ask(self._link, self._path + "refunds", RefundsOf(card), Dues).refunds
