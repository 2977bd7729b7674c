"""Commands about the issuer's files: make what is delivered, take what is answered, compare both books."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from terminal.commands.back_office import asked, at, data, merchant_option, told
from terminal.commands.say import answer, as_json, fail, speaking
from terminal.signal import yuan

if TYPE_CHECKING:
    from sync.backend.differences import Comparison

FATES = {
    "confirmed": "已确认 confirmed",
    "adjusted": "调整后付款 adjusted",
    "waiting": "待清算 waiting",
    "held": "灰记录待定 held",
    "refused": "拒付 refused",
    "adjusted_refused": "终拒 finally refused",
}


@click.group(short_help="The issuer's files: make XF, take SS, QS, NS.")
def issuer() -> None:
    """The issuer's files. A closed day (smk day close) is delivered as XF; SS, QS and NS are the answers."""


@issuer.command("make")
@merchant_option
@click.option("--day", required=True, help="A closed day, YYYYMMDD.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where to.  [default: .]")
@data
@at
@as_json
@speaking
def make(merchant: str, day: str, out: Path, data: Path, address: str, as_json: bool) -> None:
    """Write the XF files of a merchant's closed DAY: all that was booked up to it and not delivered yet.

    Done again it writes the same files, byte for byte.
    """
    from sync.stick import StickTrouble, write

    files = asked(data, address, "issuer/make", {"merchant": merchant, "day": day})
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in files:
            write(out / file["name"], told(data, address, "issuer/file", {"name": file["name"]}))
    except (OSError, StickTrouble) as wrong:
        fail(f"写不了 · cannot be written: {wrong}")
    lines = [f"{file['name']}: {file['lines']} 条 lines, {yuan(file['fen'])} 元 yuan" for file in files]
    answer(files, as_json, lambda: lines or [f"{day} 没有要交的记录 · nothing to deliver for {day}"])


@issuer.command("locks")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where to.  [default: .]")
@data
@at
@speaking
def locks(out: Path, data: Path, address: str) -> None:
    """Write the lock report: the cards that terminals locked, as YYYYMMDD_Lock.txt of today."""
    from sync.issuer_files import lock_report_name, parse_lock_report
    from sync.stick import StickTrouble, write

    raw = told(data, address, "/v1/lock-report")
    report = parse_lock_report(raw.decode("ascii"))
    try:
        write(out / lock_report_name(report.day), raw)
    except StickTrouble as wrong:
        fail(f"写不了 · cannot be written: {wrong}")
    click.echo(f"{out / lock_report_name(report.day)}: {len(report.cards)} 张卡 cards")


@issuer.command("take")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data
@at
@as_json
@speaking
def take(files: tuple[Path, ...], data: Path, address: str, as_json: bool) -> None:
    """Take the issuer's answers (SS…, QS…, NS…) into the books. The same file again changes nothing.

    Exit status 1 when a line fits nothing that was delivered.
    """
    took = [asked(data, address, f"issuer/take?name={quote(file.name)}", file.read_bytes()) for file in files]

    def line(one: dict[str, object]) -> str:
        again = "，已收过 · taken before" if one["again"] else ""
        unknown = f"，✗ {one['unknown']} 条对不上 · fit nothing of ours" if one["unknown"] else ""
        return f"{one['name']}: {one['lines']} 条 lines{again}{unknown}"

    answer(took, as_json, lambda: [line(one) for one in took])
    if any(one["unknown"] for one in took):
        raise SystemExit(1)


@issuer.command("compare")
@merchant_option
@data
@at
@as_json
@speaking
def compare(merchant: str, data: Path, address: str, as_json: bool) -> None:
    """Compare the merchant's closed days with the issuer's answers, to the fen. Exit status 1 when they differ."""
    import msgspec

    from sync.backend.differences import Comparison

    found = msgspec.convert(asked(data, address, "issuer/compare", {"merchant": merchant}), Comparison)
    answer(msgspec.to_builtins(found), as_json, lambda: comparison_lines(found))
    if not found.agrees:
        raise SystemExit(1)


def comparison_lines(found: "Comparison") -> list[str]:
    """The comparison for people."""
    from sync.issuer_files import REASONS

    lines = [f"商户 merchant {found.merchant}: 已日结 booked {yuan(found.booked_fen)} 元 yuan"]
    for name, sum in found.fates.items():
        if sum.count:
            other = f"，账上 booked {yuan(sum.paid_fen)}" if sum.fen != sum.paid_fen else ""
            lines.append(f"  {FATES[name]}: {sum.count} 笔, {yuan(sum.fen)}{other}")
    if found.undelivered_fen:
        lines.append(f"  未交 not delivered: {yuan(found.undelivered_fen)}")
    for line in found.refused:
        zh, en = REASONS.get(line.reason, ("未说明的代码", "a code that nobody explains"))
        where = f"{line.file} #{line.serial} …{line.card[-4:]} {yuan(line.amount_fen)}"
        lines.append(f"  {line.day} {line.reason} {zh} · {en}: {where}")
    for one in found.unknown:
        where = f"{one.file} #{one.serial} {yuan(one.amount_fen)}"
        lines.append(f"✗ 对不上的拒付行 · a refusal of no line of ours: {where}")
    for sums in found.sums:
        theirs = f"发卡方 theirs {sums.theirs} 笔 {yuan(sums.theirs_fen)}"
        ours = f"本方 ours {sums.ours} 笔 {yuan(sums.ours_fen)}"
        lines.append(f"✗ {sums.day} {FATES[sums.outcome]}: {theirs}，{ours} ({sums.name})")
    if found.unexplained_fen:
        lines.append(f"✗ 无法解释 · unexplained: {yuan(found.unexplained_fen)}")
    lines.append("两本账一致 · the two books agree" if found.agrees else "两本账不一致 · THEY DIFFER")
    return lines
