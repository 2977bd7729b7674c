"""What the issuer answers: SS the refused lines, QS the sums of a settlement, NS the files that are settled.

Neither width nor sums of the published layouts are doubtful; what the outcomes mean is in docs/cards.md, "Refusal
reasons".
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from sync.issuer_files.fixed import BadFile, Field, build_file, build_line, parse_file, parse_line, width_of
from sync.issuer_files.xf import MONTHLY, XF_FIELDS, XfLine, line_of

FILE_NAME = "[0-9A-Za-z_. ]"


class Refusal(NamedTuple):
    """One line of SS: a `line` of the XF `file` that the issuer does not pay, or not yet.

    The line's `month` has its nine characters here. `settled` is the day, `reason` two digits.
    """

    file: str
    settled: str
    reason: str
    line: XfLine


class Sums(NamedTuple):
    """One line of QS: a merchant's settlement of a day, as counts and fen."""

    merchant: str
    day: str
    confirmed: int
    confirmed_fen: int
    refused: int
    refused_fen: int
    adjusted: int
    adjusted_fen: int
    adjusted_refused: int
    adjusted_refused_fen: int


class Settled(NamedTuple):
    """One line of NS: a file that is settled, and the day."""

    file: str
    day: str


REASONS = {
    "00": ("发卡方调整后付款", "adjusted by the issuer: paid"),
    "01": ("TAC 错误", "TAC wrong"),
    "02": ("账户或数据无效", "account or data invalid"),
    "03": ("重复", "duplicate"),
    "04": ("灰记录，待定", "grey record: held"),
    "05": ("影子账户余额不足", "shadow balance too small"),
    "06": ("测试", "test"),
    "07": ("日期错误", "bad date"),
    "09": ("调整后终拒", "finally refused"),
    "10": ("正常", "normal"),
}
"""docs/cards.md, "Refusal reasons"; 90, 92, 93 and 94 were seen and are not explained anywhere."""

_SERIAL, *_REST = XF_FIELDS
SS_FIELDS = (Field("file", 30, FILE_NAME), _SERIAL, Field("settled", 8), Field("reason", 2), *_REST, *MONTHLY)
SS_WIDTH = 198
QS_FIELDS = (
    Field("merchant", 15),
    Field("day", 8),
    *(
        Field(f"{what}{unit}", width, is_number=True)
        for what in ("confirmed", "refused", "adjusted", "adjusted_refused")
        for unit, width in (("", 8), ("_fen", 10))
    ),
    Field("zeros", 8, "0"),
)
QS_WIDTH = 103
NS_FIELDS = (Field("file", 30, FILE_NAME), Field("day", 8), Field("fill", 8, "F"))
NS_WIDTH = 46


def ss_name(day: str, merchant: str, batch: int) -> str:
    """The refusal file's name: SS, date 8, 01, merchant 15, batch 5."""
    name = f"SS{day}01{merchant}{batch:05d}"
    if not re.fullmatch("SS[0-9]{30}", name, re.ASCII):
        raise BadFile([f"{name!r} is no SS name"])
    return name


def build_ss(lines: Sequence[Refusal]) -> str:
    """The refusal file. Raises BadFile."""
    return build_file("SS01", SS_WIDTH, [_ss_line(*line) for line in lines])


def _ss_line(file: str, settled: str, reason: str, line: XfLine) -> str:
    values: list[str | int] = [_padded(file), line.serial, settled, reason, *line[1:-1]]
    return build_line(SS_FIELDS, values + parse_line(MONTHLY, line.month))


def parse_ss(text: str) -> list[Refusal]:
    """Parse a refusal file. Raises BadFile with every fault and its line."""

    def line(detail: str) -> Refusal:
        file, serial, settled, reason, *rest = parse_line(SS_FIELDS, detail)
        refused = line_of([serial, *rest[: -len(MONTHLY)]], detail[-width_of(MONTHLY) :])
        return Refusal(str(file).rstrip(" "), str(settled), str(reason), refused)

    return parse_file(f"SS01([0-9]{{8}}){SS_WIDTH:08d}F{{24}}", text, line)


def build_qs(lines: Sequence[Sums]) -> str:
    """The settlement. Raises BadFile."""
    return build_file("QS", QS_WIDTH, [build_line(QS_FIELDS, (*line, "0" * 8)) for line in lines])


def parse_qs(text: str) -> list[Sums]:
    """Parse a settlement. Raises BadFile with every fault and its line."""

    def line(detail: str) -> Sums:
        return Sums._make(parse_line(QS_FIELDS, detail)[:-1])

    return parse_file(f"QS([0-9]{{8}}){QS_WIDTH:08d}F{{24}}", text, line)


def build_ns(lines: Sequence[Settled]) -> str:
    """The list of settled files. Raises BadFile."""
    return build_file("NS01", NS_WIDTH, [build_line(NS_FIELDS, (_padded(file), day, "F" * 8)) for file, day in lines])


def parse_ns(text: str) -> list[Settled]:
    """Parse the list of settled files. Raises BadFile with every fault and its line."""

    def line(detail: str) -> Settled:
        file, day, _ = parse_line(NS_FIELDS, detail)
        return Settled(str(file).rstrip(" "), str(day))

    return parse_file(f"NS01([0-9]{{8}}){NS_WIDTH:08d}F{{24}}", text, line)


def _padded(file: str) -> str:
    """The file's name filled up with blanks: names of our own have all thirty characters."""
    return file.ljust(30)
