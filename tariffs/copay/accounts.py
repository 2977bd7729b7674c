"""Personal accounts: which of them pays, when, and for which parts. Account money is the person's, not a fund's."""

from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.rounding import Rounding


def pay_accounts(books: Books, when: str) -> None:
    """Let the accounts whose turn is `when` ("first": before the layers, "last") pay, in the policy's order.

    An account that the policy gives no parts pays nothing.
    """
    scene = books.scene
    for name in scene.policy.accounts:
        row = scene.row(f"account.{name}.parts")
        if row is None or scene.word(f"account.{name}.when", "last") != when:
            continue
        parts = scene.parts(f"account.{name}.parts", ())
        due = books.total(parts)
        balance = max(0, books.entitlement.accounts.get(name, 0))
        most = scene.row(f"account.{name}.most")
        pays = min(due, balance)
        if most is not None and isinstance(most.value, int):
            pays = min(pays, most.value)
        pays = Rounding("down", scene.number(f"account.{name}.unit", 1)).of(pays)
        books.take(pays, parts)
        if not pays:
            continue
        books.accounts_from[name] = pays
        code, zh, en = ("TA01", "优先使用账户", "account first") if when == "first" else ("ACCT", "账户支付", "account")
        rows = (row,) if most is None else (row, most)
        books.steps.append(Step(code, f"{zh} {name}", f"{en}: {name}", due, 0, pays, "acct_pay", rows=rows))
