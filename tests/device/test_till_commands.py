"""`smk market`, `smk topup` and `smk library pay` as a clerk types them, on the real stacks, with what they print."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config import parse
from config.model import Library, Market, TopUp
from tests.device.process import smk
from tests.device.rig import Backend, configuration

numbers = count(8_501)


class Desk:
    """A clerk's console: one configuration file, one card on the reader."""

    def __init__(self, chips: remote.Virtual, address: str, folder: Path) -> None:
        self.remote = chips.remote
        self.number = next(numbers)
        keys = folder / "keys.toml"
        assert smk("library", "keys", keys).returncode == 0
        made = configuration(
            folder / "data",
            f"{self.number:08d}",
            chips.udp_path,
            address,
            market=Market(stall="A-17"),
            topup=TopUp(place="南湖"),
            library=Library(branch="XZ01", keys=str(keys)),
        )
        self.file = folder / "terminal.toml"
        self.file.write_text(parse.build(made), "utf-8")
        self.card = chips.remote.add(CardSpec(f"{self.number:016d}", balance_fen=10_000), f"desk/{self.number}")

    def does(self, *words: object, card: bool = True, ends: int = 0) -> str:
        """One command, with the card put down before it; what it printed."""
        if card:
            self.remote.enter(self.card)
        done = smk(*words[:2], self.file, *words[2:]) if words[0] != "topup" else smk("topup", self.file, *words[1:])
        if self.remote.in_field() is not None:
            self.remote.leave()
        assert done.returncode == ends, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def balance(self) -> int:
        return int(self.remote.memory()["cards"][self.card]["balance_fen"])


@pytest.fixture
def desk(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(chips, backend.address, tmp_path)
    chips.remote.clear_faults()


def test_a_clerks_day_is_told_in_slips(desk: Desk) -> None:
    assert "shift 1" in desk.does("market", "shift", "0017", card=False)
    sold = desk.does("market", "sell", "鱼 fish=12.50", "3")
    assert "15.50" in sold and "交易成功" in sold and "84.50" in sold
    number = next(line.split()[-1] for line in sold.splitlines() if line.startswith("No."))
    assert "￥50.00" in desk.does("topup", "50")
    assert desk.balance() == 13_450
    assert "12.50" in desk.does("market", "refund", number, "12.50", card=False)
    assert "Refund" in desk.does("market", "x", card=False)
    paid = desk.does("library", "pay", "1.20")
    assert "library fee" in paid and "offline" in paid
    assert "费 fee" in desk.does("library", "queue", card=False)
    given = desk.does("topup", "--refunds")
    assert "退款 refund" in given and desk.balance() == 13_450 - 120 + 1_250
    z = json.loads(desk.does("market", "z", "--json", card=False))
    assert (z["sales_fen"], z["fees_fen"], z["loads_fen"], z["loads_cash_fen"]) == (1_550, 120, 6_250, 5_000)
    assert "open a shift" in desk.does("market", "sell", "1", ends=2)


def test_a_card_that_does_not_come_back_leaves_a_slip_and_the_next_visit_settles_it(desk: Desk) -> None:
    desk.does("market", "shift", "0017", card=False)
    desk.remote.tear("after", "52")
    said = desk.does("topup", "3", "--wait", "1", ends=3)
    assert "同一张卡" in said and "待确认" in said and "keep this" in said
    desk.does("market", "sell", "1", "--order", "0123456789abcdef0123")
    z = json.loads(desk.does("market", "z", "--json", card=False))
    assert (z["unclear"], z["loads_unclear"], z["loads_fen"]) == (0, 0, 300)
    assert desk.balance() == 10_000 + 300 - 100


def test_offline_a_top_up_is_refused_in_two_languages(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> None:
    desk = Desk(chips, backend.address, tmp_path)
    desk.does("market", "shift", "0017", card=False)
    text = desk.file.read_text("utf-8")
    desk.file.write_text(text.replace(backend.address, "http://127.0.0.1:9"), "utf-8")
    said = desk.does("topup", "50", ends=2)
    assert "连不上后台" in said and "nothing was taken" in said and desk.balance() == 10_000
    assert "交易成功" in desk.does("market", "sell", "1")


