"""Commands about a merchant's day: close it once, print it again, list what is closed."""

from typing import TYPE_CHECKING, Any

import click

from terminal.commands.back_office import asked, at, data, merchant_option
from terminal.commands.say import answer, as_json, fail, speaking
from terminal.signal import yuan

if TYPE_CHECKING:
    from pathlib import Path

    from sync.backend.days import DayReport, Sum

OUTCOMES = {
    "done": "完成 done",
    "grey_paid": "灰记录，已付 grey, paid",
    "grey_void": "灰记录，未扣 grey, not taken",
    "void": "未扣 not taken",
}
day_option = click.option("--day", "wanted", required=True, help="YYYYMMDD, or YYYY-MM-DD.")


@click.group(short_help="A merchant's day: close, print again, list.")
def day() -> None:
    """A merchant's day in the backend's books. What comes after the closing goes into the next day, with its date."""


@day.command("close")
@merchant_option
@day_option
@click.option("--early", is_flag=True, help="Before the day is over.")
@data
@at
@as_json
@speaking
def close(merchant: str, wanted: str, early: bool, data: "Path", address: str, as_json: bool) -> None:
    """Close the day, for good, and print its report."""
    question = {"merchant": merchant, "day": wanted.replace("-", ""), "early": early}
    _print(asked(data, address, "day/close", question), as_json)


@day.command("show")
@merchant_option
@day_option
@data
@at
@as_json
@speaking
def show(merchant: str, wanted: str, data: "Path", address: str, as_json: bool) -> None:
    """Print a closed day's report again, as it was."""
    found = asked(data, address, "day/show", {"merchant": merchant, "day": wanted.replace("-", "")})
    if found is None:
        fail(f"{wanted} 尚未日结 · is not closed: smk day close --merchant {merchant} --day {wanted}")
    _print(found, as_json)


@day.command("list")
@merchant_option
@data
@at
@as_json
@speaking
def list_(merchant: str, data: "Path", address: str, as_json: bool) -> None:
    """List the merchant's closed days, the latest first."""
    found = asked(data, address, "day/list", {"merchant": merchant})
    lines = [f"{one['day']}  {one['at']}" for one in found] or ["没有日结 · no day is closed"]
    answer(found, as_json, lambda: lines)


def _print(found: Any, as_json: bool) -> None:
    import msgspec

    from sync.backend.days import DayReport

    answer(found, as_json, lambda: report_lines(msgspec.convert(found, DayReport)))


def report_lines(report: "DayReport") -> list[str]:
    """The day's report for people."""
    lines = [
        f"日结 day closed  {report.day}  商户 merchant {report.merchant}",
        f"日结时间 closed at  {report.closed_at}",
        "",
        *(f"  {OUTCOMES.get(part.name, part.name)}  {_sum(part.sum)}" for part in report.outcomes),
    ]
    if report.adjusted.count:
        lines.append(f"  前日调整 adjustments  {report.adjusted.count} 笔  {yuan(report.adjusted.paid_fen)}")
    late = [part for part in report.dates if part.name != report.day]
    lines += [f"  其中迟到 of these late, of  {part.name}  {_sum(part.sum)}" for part in late]
    lines += [
        f"本日合计 total  {yuan(report.total_fen)} 元 yuan",
        f"累计 all closed days  {yuan(report.before_fen)} + {yuan(report.total_fen)} = "
        f"{yuan(report.before_fen + report.total_fen)}",
        f"结转待定 carried over, no verdict yet  {report.carried.count} 笔 {yuan(report.carried.fen)}"
        f"（前 before: {report.carried_in.count} 笔 {yuan(report.carried_in.fen)}）",
        "",
    ]
    for one in report.terminals:
        marks = "".join(
            mark
            for mark, holds in (
                ("  ⚠ 日终后未联系，可能有未上传记录 · not heard since the day's end", one.silent),
                (f"  ⚠ 未上传 {one.unsent} 条 · {one.unsent} rows not sent", one.unsent),
                (f"  ⚠ 隔离 {one.quarantined} 条 · {one.quarantined} rows in quarantine", one.quarantined),
                ("  ⚠ 日志曾丢失 · an earlier journal was lost", one.lost),
            )
            if holds
        )
        lines.append(f"  {one.terminal}  {one.count} 笔  {yuan(one.paid_fen)}  {one.contact[:16]}{marks}")
    if report.owed.count:
        owed, more = report.owed, report.owed.fen - report.owed_before.fen
        lines.append(f"应退乘客 owed to riders  {owed.count} 笔 {yuan(owed.fen)}（本日新增 new: {yuan(more)}）")
    if report.alarms:
        lines.append(f"⚠ 报警 {report.alarms} 起 · {report.alarms} alarms since the last closing: smk backend alarms")
    if report.unspelled:
        lines.append(f"⚠ {report.unspelled} 笔不合发卡方格式 · debits do not fit the issuer's file")
    return lines


def _sum(sum: "Sum") -> str:
    held = f"（持 held {yuan(sum.fen)}）" if sum.fen != sum.paid_fen else ""
    return f"{sum.count} 笔  {yuan(sum.paid_fen)}{held}"
