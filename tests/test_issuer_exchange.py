"""The issuer gets each debit once; each answer finds its line, and what finds none is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sync.backend.days import close
from sync.backend.differences import Comparison, SumsDiffer, compared
from sync.backend.issuer import Made, Refused, Took, make, take, text_of
from sync.backend.service import Backend, Service
from sync.issuer_files import (
    BadFile,
    Refusal,
    Settled,
    Sums,
    XfLine,
    build_ns,
    build_qs,
    build_ss,
    parse_xf,
)
from terminal import cli
from tests.rows import grey
from tests.serving import KEYS, NOW, Terminal, alarms, serving
from tests.stores import backend, store
from tests.test_days import AFTER, DAY, MERCHANT, NEXT, paid

__all__ = ["backend", "store"]

FILE = f"XF{DAY}{MERCHANT}00001"


@pytest.fixture
def delivered(backend: Service) -> Service:
    """A closed day of four debits, one of them grey, and its file."""
    filled(backend)
    with backend.transaction() as database:
        close(database, MERCHANT, DAY, AFTER)
        assert make(database, MERCHANT, DAY, AFTER) == [Made(FILE, 4, 100 + 200 + 300 + 150)]
    return backend


def filled(backend: Service) -> None:
    terminal = Terminal(backend)
    balance = 5_000
    for counter, amount in ((17, 100), (18, 200), (19, 300)):
        paid(terminal, counter=counter, balance=balance, amount=amount)
        balance -= amount
    terminal.debit(grey(0), counter=20, balance=balance, amount=150)
    terminal.send()


def lines_of(backend: Service) -> list[XfLine]:
    with backend.transaction() as database:
        return parse_xf(text_of(database, FILE))


def refusal(line: XfLine, reason: str, day: str = NEXT, file: str = FILE, **changes: Any) -> Refusal:
    return Refusal(file, day, reason, line._replace(month="000000000", **changes))


def taken(backend: Service, name: str, text: str) -> Took:
    with backend.transaction() as database:
        return take(database, name, text, AFTER)


def comparison(backend: Service) -> Comparison:
    with backend.transaction() as database:
        return compared(database, MERCHANT)


def fates(backend: Service) -> dict[str, tuple[int, int]]:
    return {name: (sum.count, sum.fen) for name, sum in comparison(backend).fates.items() if sum.count}


def test_a_debit_is_delivered_once_and_its_file_can_be_made_again(delivered: Service) -> None:
    lines = lines_of(delivered)
    assert [(line.sequence, line.amount, line.grey) for line in lines] == [
        (17, 100, False), (18, 200, False), (19, 300, False), (20, 150, True),
    ]  # fmt: skip
    with delivered.transaction() as database:
        text = text_of(database, FILE)
        assert make(database, MERCHANT, DAY, AFTER) == [Made(FILE, 4, 750)] and text_of(database, FILE) == text
    paid(terminal := Terminal(delivered, "00330402"), counter=3, card="31400000000000000042",
         serial_factor="0000000000000042")  # fmt: skip
    terminal.send()
    with delivered.transaction() as database:
        close(database, MERCHANT, NEXT, AFTER)
        assert make(database, MERCHANT, NEXT, AFTER) == [Made(f"XF{NEXT}{MERCHANT}00001", 1, 100)]
        assert text_of(database, FILE) == text, "what was delivered stays, whatever the books learn"


def test_a_day_is_delivered_when_it_is_closed_and_not_before(backend: Service) -> None:
    filled(backend)
    with backend.transaction() as database, pytest.raises(Refused, match="smk day close"):
        make(database, MERCHANT, DAY, AFTER)


def test_a_settled_file_confirms_what_nobody_refused(delivered: Service) -> None:
    assert fates(delivered) == {"waiting": (4, 750)}
    lines = lines_of(delivered)
    refused = [refusal(lines[0], "01"), refusal(lines[3], "04")]
    assert taken(delivered, "SS1", build_ss(refused)) == Took("SS1", "SS", 2, 0)
    assert taken(delivered, "NS1", build_ns([Settled(FILE, NEXT)])) == Took("NS1", "NS", 1, 0)
    sums = Sums(MERCHANT, NEXT, 2, 500, 2, 250, 0, 0, 0, 0)
    taken(delivered, "QS1", build_qs([sums]))
    found = comparison(delivered)
    assert fates(delivered) == {"confirmed": (2, 500), "refused": (1, 100), "held": (1, 150)}
    assert found.agrees and found.booked_fen == 600 and found.delivered_fen == 600
    assert [(line.reason, line.amount_fen) for line in found.refused] == [("01", 100), ("04", 150)]


def test_a_later_word_of_the_issuer_replaces_an_earlier_one_in_whatever_order_they_come(delivered: Service) -> None:
    lines = lines_of(delivered)
    taken(delivered, "SS2", build_ss([refusal(lines[3], "00", "20240509")]))
    taken(delivered, "SS1", build_ss([refusal(lines[3], "04"), refusal(lines[0], "09")]))
    assert fates(delivered) == {"adjusted": (1, 150), "adjusted_refused": (1, 100), "waiting": (2, 500)}


@pytest.mark.parametrize(
    "change, outcome",
    [
        ({"confirmed_fen": 501}, SumsDiffer("QS1", NEXT, "confirmed", 3, 501, 3, 650)),
        ({"confirmed_fen": 650, "refused": 2}, SumsDiffer("QS1", NEXT, "refused", 2, 100, 1, 100)),
        ({"confirmed_fen": 650, "adjusted_fen": 1}, SumsDiffer("QS1", NEXT, "adjusted", 0, 1, 0, 0)),
    ],
)
def test_a_settlement_that_is_off_by_a_fen_is_named(
    delivered: Service, change: dict[str, Any], outcome: SumsDiffer
) -> None:
    taken(delivered, "SS1", build_ss([refusal(lines_of(delivered)[0], "01")]))
    taken(delivered, "NS1", build_ns([Settled(FILE, NEXT)]))
    taken(delivered, "QS1", build_qs([Sums(MERCHANT, NEXT, 3, 650, 1, 100, 0, 0, 0, 0)._replace(**change)]))
    found = comparison(delivered)
    assert found.sums == [outcome] and not found.agrees


def test_a_refusal_of_no_line_of_ours_is_shown_and_raises_an_alarm(delivered: Service) -> None:
    line = lines_of(delivered)[0]
    strange = [refusal(line, "01", serial=99), refusal(line, "01", amount=1), refusal(line, "01", file="XF")]
    assert taken(delivered, "SS1", build_ss(strange)).unknown == 3
    found = comparison(delivered)
    assert len(found.unknown) == 3 and not found.agrees and fates(delivered) == {"waiting": (4, 750)}
    assert alarms(delivered).count("refusal_unknown") >= 1
    assert taken(delivered, "NS1", build_ns([Settled("XF9", NEXT)])).unknown == 1


def test_the_same_answer_again_changes_nothing_and_another_under_its_name_is_refused(delivered: Service) -> None:
    text = build_ss([refusal(lines_of(delivered)[0], "01")])
    taken(delivered, "SS1", text)
    before = comparison(delivered)
    assert taken(delivered, "SS1", text).again and comparison(delivered) == before
    with pytest.raises(Refused, match="another file"):
        taken(delivered, "SS1", build_ss([]))
    with pytest.raises(Refused, match="SS, QS, NS"):
        taken(delivered, "XX1", text)


@pytest.mark.parametrize("name", ["SS1", "QS1", "NS1"])
def test_a_damaged_answer_leaves_the_books_as_they_were(delivered: Service, name: str) -> None:
    before = comparison(delivered)
    text = build_ss([refusal(lines_of(delivered)[0], "01")])[:-20]
    with pytest.raises(BadFile):
        taken(delivered, name, text)
    assert comparison(delivered) == before


def test_what_does_not_fit_the_issuers_file_is_counted_and_not_delivered(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    paid(terminal, counter=18, main_type="X1")
    terminal.send()
    with backend.transaction() as database:
        close(database, MERCHANT, DAY, AFTER)
        assert make(database, MERCHANT, DAY, AFTER) == [Made(FILE, 1, 100)]
        found = compared(database, MERCHANT)
        assert found.undelivered_fen == 100 and found.agrees
        assert close(database, MERCHANT, NEXT, AFTER).unspelled == 1


def test_a_day_in_the_back_office_by_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tests.serving.NOW", AFTER)
    backend = Backend(Path("served"), KEYS, lambda: NOW)
    filled(backend)
    backend.close()
    with serving(Path("served")) as address:

        def smk(*words: str, status: int = 0) -> str:
            result = CliRunner().invoke(cli.main, [*words, "--data", "served", "--backend", address])
            assert result.exit_code == status, result.output
            return result.output

        early = smk("day", "close", "--merchant", MERCHANT, "--day", "2024-05-09", status=1)
        assert "--early" in early
        said = smk("day", "close", "--merchant", MERCHANT, "--day", "2024-05-06")
        assert "本日合计 total  6.00" in said and "no verdict yet  1 笔 1.50" in said
        assert smk("day", "show", "--merchant", MERCHANT, "--day", DAY) == said
        assert DAY in smk("day", "list", "--merchant", MERCHANT)
        said = smk("issuer", "make", "--merchant", MERCHANT, "--day", DAY, "--out", "out")
        assert f"{FILE}: 4 条 lines, 7.50" in said
        line = parse_xf(Path("out", FILE).read_bytes().decode())[0]
        Path("SS1").write_text(build_ss([refusal(line, "01")]), newline="")
        Path("NS1").write_text(build_ns([Settled(FILE, NEXT)]).replace("\r\n", "\n\r"), newline="")
        smk("issuer", "take", "SS1", "NS1")
        said = smk("issuer", "compare", "--merchant", MERCHANT)
        assert "01 TAC 错误 · TAC wrong" in said and "已确认 confirmed: 3 笔, 6.50，账上 booked 5.00" in said
        assert "the two books agree" in said
        assert json.loads(smk("issuer", "compare", "--merchant", MERCHANT, "--json"))["unexplained_fen"] == 0
        assert "0 张卡 cards" in smk("issuer", "locks", "--out", "out")
        assert [path.suffix for path in Path("out").iterdir()].count(".txt") == 1
        Path("QS1").write_text(build_qs([Sums(MERCHANT, NEXT, 1, 1, 0, 0, 0, 0, 0, 0)]), newline="")
        smk("issuer", "take", "QS1")
        assert "THEY DIFFER" in smk("issuer", "compare", "--merchant", MERCHANT, status=1)
