"""Personal accounts: which of them pays, when, and for which parts. Account money is the person's, not a fund's."""

from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.terms import account_terms

_STEPS = {"first": ("TA01", "优先使用账户", "account first"), "last": ("ACCT", "账户支付", "account")}


def pay_accounts(books: Books, when: str) -> None:
    """Let the accounts whose turn is `when` ("first": before the layers, "last") pay, in the policy's order.

    An account that the policy gives no parts pays nothing.
    """
    code, zh, en = _STEPS[when]
    for terms in account_terms(books.scene):
        if terms.when != when:
            continue
        due = books.total(terms.parts)
        there = max(0, books.entitlement.accounts.get(terms.name, 0))
        pays = min(due, there) if terms.most is None else min(due, there, terms.most)
        pays = terms.rounding.of(pays)
        if pays:
            books.take(pays, terms.parts)
            books.accounts_from[terms.name] = pays
            names = f"{zh} {terms.name}", f"{en}: {terms.name}"
            books.steps.append(Step(code, *names, due, 0, pays, "acct_pay", None, 0, terms.rows))
