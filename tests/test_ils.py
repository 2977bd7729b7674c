"""The client at a library system on a real socket, which answers, lies, hangs and hangs up."""

from collections.abc import Iterator

import pytest

from sync.ils import IlsAway, IlsUnclear
from sync.sip2 import ils
from terminal.training.ils.answers import city
from terminal.training.ils.server import Server
from tests.libraries import AT, DESK, connected, profile

READER = "31400000000012345678"
LEND = ils.checkout(DESK, AT, READER, "B0001", AT, False)
RETURN = ils.checkin(DESK, AT, AT, "B0001", False)


@pytest.fixture
def library() -> Iterator[Server]:
    with Server(city()) as server:
        yield server


@pytest.mark.parametrize("encoding, checked", [("utf-8", True), ("gb18030", True), ("gbk", False)])
def test_a_day_in_each_encoding_with_and_without_checks(encoding: str, checked: bool) -> None:
    with Server(city(), encoding, checked) as server:
        client = connected(server.port, encoding=encoding, error_detection=checked, answers_checked=checked)
        assert ils.patron(client.ask(ils.patron_information(DESK, "019", AT, READER)), profile()).name == "王小明"
        assert ils.verdict(client.ask(LEND)).title == "嘉兴府志"
        assert ils.item(client.ask(ils.item_information(DESK, AT, "B0001"))).out is True
        assert ils.verdict(client.ask(ils.renew(DESK, AT, READER, "B0001", AT, False))).ok
        assert ils.verdict(client.ask(RETURN)).ok
        assert ils.item(client.ask(ils.item_information(DESK, AT, "B0001"))).out is False
        assert ils.verdict(client.ask(ils.fee_paid(DESK, AT, READER, "1.50", "02", "op1"))).ok
        assert client.ask(ils.end_session(DESK, AT, READER)).fixed["ok"] == "Y"
        assert server.shelf.borrowers[READER].paid == [("1.50", "op1")]
        client.close()


@pytest.mark.parametrize("fault", ["drop", "garbage", "slow"])
def test_an_act_without_a_clear_answer_is_unclear_and_sent_once(library: Server, fault: str) -> None:
    library.faults.coming.append(fault)
    client = connected(library.port, answer_seconds=1)
    with pytest.raises(IlsUnclear):
        client.ask(LEND)
    assert ils.item(client.ask(ils.item_information(DESK, AT, "B0001"))).out is True
    assert library.shelf.books["B0001"].lent == 1 and library.shelf.books["B0001"].renewed == 0
    client.close()


def test_a_damaged_answer_is_asked_for_again_and_the_act_is_done_once(library: Server) -> None:
    library.faults.coming.append("damaged")
    client = connected(library.port)
    assert ils.verdict(client.ask(LEND)).ok
    assert library.faults.resends == 1
    assert library.shelf.books["B0001"].lent == 1 and library.shelf.books["B0001"].renewed == 0
    client.close()


def test_a_server_that_did_not_understand_is_told_again(library: Server) -> None:
    library.faults.coming += ["96", "96"]
    client = connected(library.port)
    assert ils.verdict(client.ask(LEND)).ok
    client.close()


def test_a_server_that_never_understands_has_surely_done_nothing(library: Server) -> None:
    library.faults.coming += ["96"] * 9
    client = connected(library.port)
    with pytest.raises(IlsAway):
        client.ask(LEND)
    assert library.shelf.books["B0001"].lent == 0


def test_a_98_for_an_answer_means_that_nothing_was_done(library: Server) -> None:
    library.faults.coming.append("moved")
    client = connected(library.port)
    with pytest.raises(IlsAway):
        client.ask(LEND)
    assert library.shelf.books["B0001"].lent == 0
    client.close()


def test_a_refused_login_and_an_empty_port_are_told_with_what_to_do(library: Server) -> None:
    with pytest.raises(IlsAway, match="user and password"):
        connected(library.port, password="wrong").ask(LEND)
    library.__exit__()
    with pytest.raises(IlsAway, match="offline"):
        connected(library.port).ask(LEND)


def test_after_a_lost_connection_the_next_question_opens_a_new_one(library: Server) -> None:
    client = connected(library.port)
    library.faults.coming.append("deaf")
    with pytest.raises(IlsUnclear):
        client.ask(LEND)
    assert ils.verdict(client.ask(LEND)).ok
    client.close()
