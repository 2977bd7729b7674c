"""The library: readers, books that are somewhere, counters offline at any moment, and its own system on a bad line."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from config.store import load_pack_files
from sync.lending import State
from tariffs.library import parse_lending
from terminal.training.ils.shelf import Borrower
from tests.libraries import profile
from tests.world.books import check_rows, send_all
from tests.world.ils import LibrarySystem, Line
from tests.world.lending import Act, LoanDesk, TellingCounter
from tests.world.violation import check
from tests.world.world import Faults, World

STEPS_A_DAY = 60
DESKS = 2
READERS = [f"3140000000001234567{place}" for place in range(5)]
ITEMS = [f"B{number:04}" for number in range(1, 25)]
SYSTEMS = ("evergreen", "koha", "koha_old", "gbk_plain", "standard")
REPLAYS_MAX = 40
AT_THE_DESK = "desk"


class Branch(World):
    """Two counters of one library. `blocked`: the list that the counters have; one reader the system alone blocks."""

    retained_days = 0.5

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        super().__init__(seed, faults)
        self.system = self.chance.choice(SYSTEMS)
        self.profile = profile(self.system)
        readers = {card: Borrower("王小明") for card in READERS}
        readers[READERS[3]].flags = "Y" + " " * 13
        self.ils = LibrarySystem(readers, ITEMS, self.profile.no_block == "all")
        self.lending = parse_lending(load_pack_files("builtin:jiaxing", "library"))
        self.blocked = {READERS[4]}
        self.where = dict.fromkeys(ITEMS, "")  # each book: the reader who has it, "" in the library
        self.acts: dict[str, Act] = {}
        self.granted: dict[str, str] = {}
        self.loans = 0
        self.desks = [LoanDesk(self, f"desk-{place}", f"0000020{place}") for place in range(1, DESKS + 1)]

    @property
    def stations(self) -> list[LoanDesk]:  # type: ignore[override]
        """All of them are counters."""
        return self.desks

    @contextmanager
    def unreal_time(self) -> Iterator[None]:
        """The client waits in the world's time, on the world's lines."""
        with ExitStack() as stack:
            stack.enter_context(super().unreal_time())
            stack.enter_context(patch("sync.ils.time", self.time))
            stack.enter_context(patch("sync.ils.socket", SimpleNamespace(create_connection=self._connect)))
            yield

    def _connect(self, _place: tuple[str, int], seconds: float) -> Line:
        desk = TellingCounter.at
        desk.machine.touch("library called")
        if self.ils.is_away:
            self.time.pass_ms(round(seconds * 1000))
            raise TimeoutError("timed out")
        return Line(self, desk.machine, desk.trouble, lambda: desk.asking)

    # --- days

    def day(self) -> None:
        """One day: STEPS_A_DAY things that happen, and the night."""
        with self.unreal_time():
            for desk in self.desks:
                desk.idle()
            for _ in range(STEPS_A_DAY):
                self.time.pass_ms(self.chance.choice((4_000, 40_000, 400_000, 900_000)))
                self._step()
            self.evening()
            for desk in self.desks:
                desk.idle()
                desk.sync()
                desk.replay()
            self.ils.back_up()
            self.morning()

    def _step(self) -> None:
        names, weights = zip(*(_WHAT_HAPPENS | self.faults.often).items(), strict=True)
        what = self.chance.choices(names, weights)[0]
        desk = self.chance.choice(self.desks)
        if self.chance.random() < 0.2:
            self.repair(desk)
        self.arm(desk, 40)
        getattr(self, f"_{what}")(desk)
        desk.machine.die_in = 0

    def _act(self, desk: LoanDesk, what: str, card: str, item: str, family: str = "typed") -> bool:
        act = Act(f"{len(self.acts) + 1:020x}", what, card, item, family)
        self.acts[act.operation] = act
        self.taps += 1
        if desk.do(act):
            self.handed(act)
            return True
        if item and (what == "return" or act.operation in desk.waiting):
            self.where[item] = AT_THE_DESK if what == "lend" else self.where.get(item, "")
        return False

    def handed(self, act: Act) -> None:
        """The reader goes, with the item or without it."""
        if act.what == "lend":
            self.where[act.item] = act.card
            self.loans += 1
        elif act.what == "return":
            self.where[act.item] = ""

    def _lend(self, desk: LoanDesk) -> None:
        card = self.chance.choice(READERS)
        family = self.chance.choice(("typed", "typed", "typed", "jiaxing", "unknown"))
        for _ in range(self.chance.choice((1, 2, 3))):
            here = [item for item, holder in self.where.items() if not holder]
            if here:
                self._act(desk, "lend", card, self.chance.choice(here), family)

    def _give_back(self, desk: LoanDesk) -> None:
        for item in self._at_home()[: self.chance.choice((1, 2))]:
            self._act(desk, "return", "", item)
            self.where[item] = ""  # it lies there, whatever the clerk was told

    def _renew(self, desk: LoanDesk) -> None:
        for item in self._at_home()[:1]:
            self._act(desk, "renew", self.where[item], item)

    def _at_home(self) -> list[str]:
        home = [item for item, holder in self.where.items() if holder not in ("", AT_THE_DESK)]
        return self.chance.sample(home, len(home))

    def _fee(self, desk: LoanDesk) -> None:
        self._act(desk, "fee", self.chance.choice(READERS), "")

    def _replay(self, desk: LoanDesk) -> None:
        desk.replay()

    def _line(self, desk: LoanDesk) -> None:
        desk.trouble = self.chance.choice((0.0, 0.2, 0.6))
        self.say(desk.name, f"its line to the library: {desk.trouble}")

    def _away(self, _desk: LoanDesk) -> None:
        self.ils.is_away = not self.ils.is_away
        self.say("library", "away" if self.ils.is_away else "back")
        for desk in self.desks:
            desk.upload()

    def _koc(self, desk: LoanDesk) -> None:
        """Koha alone reads such files."""
        if self.system.startswith("koha"):
            desk.export()
            desk.upload()

    def _backend(self, _desk: LoanDesk) -> None:
        self.trouble_backend(may_restore=True)

    def _restored(self, _desk: LoanDesk) -> None:
        self.say("library", "restored from its backup")
        self.ils.restore()

    def _blocked(self, desk: LoanDesk) -> None:
        """The list of the blocked changes, for all counters."""
        self.blocked ^= {self.chance.choice(READERS[:2])}
        for each in self.desks:
            if each.journal is not None:
                each.counter.rules = each.rules()
        self.say(desk.name, f"blocked: {sorted(card[-4:] for card in self.blocked)}")

    def _sync(self, desk: LoanDesk) -> None:
        desk.sync()

    def _idle(self, desk: LoanDesk) -> None:
        self.rest(desk)

    def _migrate(self, desk: LoanDesk) -> None:
        self.migrate(desk)

    def _power_cut(self, desk: LoanDesk) -> None:
        desk.power_cut()

    def _network(self, desk: LoanDesk) -> None:
        self.trouble_network(desk)

    def _disk(self, desk: LoanDesk) -> None:
        self.trouble_disk(desk)

    def _clock(self, desk: LoanDesk) -> None:
        self.trouble_clock(desk)

    # --- the end

    def ended_well(self) -> int:
        """Loans."""
        return self.loans

    def settle(self) -> None:
        """Trouble ceases, everything is replayed and sent, and each reader's acts are looked for. Raises Violation."""
        with self.unreal_time():
            self.mend()
            self.ils.is_away = False
            for desk in self.desks:
                desk.trouble = 0.0
                desk.idle()
                check(desk.journal is not None, "ready", f"{desk.name} does not start on a good disk")
                while desk.is_exporting:
                    desk.export()
                desk.upload()
                for _ in range(REPLAYS_MAX):
                    self.time.pass_ms(60_000)
                    desk.replay()
                    if not desk.counter.queue.open(State.QUEUED, State.SENT):
                        break
                send_all(desk)
            self.backend.restart()
            for desk in self.desks:
                check_rows(desk)
                desk.settle()


_WHAT_HAPPENS = {
    "lend": 30, "give_back": 18, "renew": 6, "fee": 4, "replay": 14, "line": 8, "away": 8, "restored": 1, "blocked": 2,
    "sync": 6, "idle": 3, "power_cut": 2, "network": 3, "disk": 3, "clock": 2, "migrate": 1,
    "koc": 3, "backend": 2,
}  # fmt: skip
"""The things that happen to a day, by weight."""
