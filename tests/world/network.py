"""The network between terminals and backend, and the backend with its backups: nothing that is sent need arrive."""

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sync.backend.desk import Desk
from sync.backend.hospital import Hospital
from sync.backend.keys import KeyFile
from sync.backend.lender import Lender
from sync.backend.service import Backend
from sync.batch import BadBatch, unpack
from sync.link import HttpAnswer, Link, LinkDown
from sync.loading import Ask, Dues, RefundsOf
from sync.session import Answer, Problem
from tests.world.machine import Machine, Time
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.world import World

PROXY_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
TROUBLES = (
    "lost", "answer lost", "twice", "delayed", "request cut", "answer cut", "5xx", "proxy", "backend dies",
)  # fmt: skip
ANSWER_MS = 120


class BackendDied(Exception):
    """The backend's process ended in the middle of a message."""


class Headquarters:
    """The real backend, its last backup, and what it ever acknowledged."""

    lender: Lender | None = None

    def __init__(self, folder: Path, keys: KeyFile, time: Time, hospital: Hospital | None = None) -> None:
        self.folder = folder
        self.time = time
        self.dies = False
        self._keys = keys
        self.hospital = hospital
        self.acknowledged: dict[tuple[str, int], int] = {}
        self._at_backup: dict[tuple[str, int], int] = {}
        self.loads: list[dict[str, str | int]] = []
        self._open()

    def _open(self) -> None:
        now = lambda: self.time.at().isoformat(timespec="seconds")  # noqa: E731
        self.backend = Backend(self.folder / "live", self, now, None, self.hospital)
        self._desk = Desk(self.backend, now, lambda content, status: content)
        if self.lender is not None:
            self.backend.lend(self.lender)

    def lend(self, lender: Lender) -> None:
        """From now on, after each restart too, it grants loads."""
        self.lender = lender
        self.backend.lend(lender)

    def dtk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """The TAC keys; a backend that dies in a transaction dies here."""
        if self.dies:
            raise BackendDied
        return self._keys.dtk(scheme, issuer_factor, serial_factor)

    def answer(self, path: str, body: bytes) -> HttpAnswer:
        """What the backend's HTTP face answers (sync/backend/app.py); what it acknowledges is noted."""
        terminal, what = path.split("/")[-2:]
        if terminal == "hospital":
            return self._asked(what, body)
        if what in ("loads", "refunds"):
            return self._load_asked(what, body)
        if what == "enrol":
            return HttpAnswer(200, "", msgspec.json.encode(self.backend.enrol(terminal)))
        try:
            answer = self.backend.take(unpack(body))
        except BadBatch as wrong:
            return HttpAnswer(400, "", msgspec.json.encode(Problem("bad_batch", str(wrong))))
        except BackendDied:
            self.restart()
            return HttpAnswer(500, "", b"")
        if answer is None:
            return HttpAnswer(409, "", msgspec.json.encode(Problem("not_enrolled")))
        self._note(answer)
        return HttpAnswer(200, "", msgspec.json.encode(answer))

    def _asked(self, what: str, body: bytes) -> HttpAnswer:
        kind, ask = self._desk.questions[what]
        try:
            question = msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError:
            return HttpAnswer(400, "", b"")
        return HttpAnswer(200, "", msgspec.json.encode(ask(question)))

    def _load_asked(self, what: str, body: bytes) -> HttpAnswer:
        """See sync/backend/load_desk.py."""
        assert self.lender is not None
        try:
            if what == "refunds":
                card = msgspec.json.decode(body, type=RefundsOf).card
                dues = Dues(self.lender.refunds(self.backend.transaction, card))
                return HttpAnswer(200, "", msgspec.json.encode(dues))
            question = msgspec.json.decode(body, type=Ask)
        except msgspec.DecodeError:
            return HttpAnswer(400, "", b"")
        now = self.time.at().isoformat(timespec="seconds")
        return HttpAnswer(200, "", msgspec.json.encode(self.lender.ask(self.backend.transaction, question, now)))

    def _note(self, answer: Answer) -> None:
        key = (answer.terminal, answer.epoch)
        self.acknowledged[key] = max(self.acknowledged.get(key, 0), answer.ack_through)

    def load(self, card: str, load_counter: int, amount_fen: int, at: str) -> None:
        """The issuer's back office tells of a load."""
        told: dict[str, str | int] = {"card": card, "load_counter": load_counter, "amount_fen": amount_fen, "at": at}
        self.loads.append(told)
        self.backend.add_loads([told])

    def restart(self) -> None:
        """The process ends and comes again; every row that it acknowledged must be there."""
        self.dies = False
        self.backend.close()
        self._open()
        self.check_acknowledged()

    def check_acknowledged(self) -> None:
        """Nothing acknowledged is missing, and no number is skipped."""
        with self.backend.transaction() as database:
            query = "select terminal, epoch, count(*) as count, max(seq) as last from row group by terminal, epoch"
            found = {(line["terminal"], line["epoch"]): line for line in database.query(query)}
        for key, acknowledged in self.acknowledged.items():
            line = found.get(key, {"count": 0, "last": 0})
            name = f"{key[0]}/{key[1]}"
            check((line["last"] or 0) >= acknowledged, "acknowledged", f"{name}: {acknowledged} told, {line} there")
            check(line["count"] == line["last"], "no gap", f"{name}: {line['count']} rows up to number {line['last']}")

    def back_up(self) -> None:
        """Copy the store; the loads known so far are in it."""
        self.backend.close()
        shutil.rmtree(self.folder / "backup", ignore_errors=True)
        shutil.copytree(self.folder / "live", self.folder / "backup")
        self._at_backup = dict(self.acknowledged)
        self._open()

    def restore(self) -> None:
        """Put the backup in the store's place; the issuer sends its loads again."""
        if not (self.folder / "backup").exists():
            return
        self.backend.close()
        shutil.rmtree(self.folder / "live")
        shutil.copytree(self.folder / "backup", self.folder / "live")
        self.acknowledged = dict(self._at_backup)
        self._open()
        self.backend.add_loads(list(self.loads))


class Wireless(Link):
    """One terminal's link over the world's network. `trouble`: how often an exchange goes wrong, 0 to 1; 1 is none."""

    def __init__(self, machine: Machine, world: "World", name: str) -> None:
        super().__init__("http://127.0.0.1")
        self._machine = machine
        self._world = world
        self._name = name
        self.trouble = 0.0
        self._delayed: list[tuple[str, bytes]] = []

    def post(self, path: str, body: bytes, encoding: str = "") -> HttpAnswer:
        """Send and wait for the answer. Raises LinkDown."""
        self._machine.touch("network", ANSWER_MS)
        chance, backend = self._world.chance, self._world.backend
        what = chance.choice(TROUBLES) if chance.random() < self.trouble else ""
        if what:
            self._world.say(self._name, f"network: {what}")
        if what in ("lost", "delayed"):
            if what == "delayed" and not path.endswith("/loads"):  # its till has hung up: nobody grants it any more
                self._delayed.append((path, body))
            raise LinkDown("no answer")
        if self._delayed and path.endswith("/batches") and chance.random() < 0.5:
            backend.answer(*self._delayed.pop(chance.randrange(len(self._delayed))))
        if what == "request cut":
            body = body[: chance.randrange(len(body) + 1)]
        if what == "backend dies":
            backend.dies = True
        if what == "twice":
            backend.answer(path, body)
        answer = backend.answer(path, body)
        backend.dies = False
        self._machine.touch("network answered")
        return _on_the_way(answer, what, chance)


def _on_the_way(answer: HttpAnswer, what: str, chance: random.Random) -> HttpAnswer:
    """What of an answer arrives. Raises LinkDown."""
    if what == "answer lost":
        raise LinkDown("the answer was lost")
    if what == "answer cut":
        return answer._replace(body=answer.body[: chance.randrange(len(answer.body) + 1)])
    if what == "5xx":
        return HttpAnswer(503, "30", b"")
    return HttpAnswer(chance.choice((200, 502)), "", PROXY_PAGE) if what == "proxy" else answer
