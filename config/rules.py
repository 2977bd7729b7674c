"""Rules for single values of the configuration: what is accepted, and how the rule is said in Chinese and English."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """What one value must be: `kind` its type in TOML, `accepts` whether it is right, `zh`/`en` the rule in words."""

    kind: type
    accepts: Callable[[Any], bool]
    zh: str
    en: str

    def met_by(self, value: object) -> bool:
        """Whether `value` is of the right type and within the rule."""
        return type(value) is self.kind and self.accepts(value)


def ruled(rule: Rule, **default: Any) -> Any:
    """A dataclass field that bears its rule; `default=` or `default_factory=` as for `field`."""
    return field(metadata={"rule": rule}, **default)


def digits(count: int) -> Rule:
    """Exactly `count` decimal digits, as text, since leading zeros count."""

    def accepts(value: str) -> bool:
        return len(value) == count and value.isascii() and value.isdigit()

    return Rule(str, accepts, f"须为 {count} 位数字（加引号）", f"must be {count} digits in quotes")


def whole(low: int, high: int, unit_zh: str = "", unit_en: str = "") -> Rule:
    """A whole number within bounds, both included."""
    return Rule(
        int,
        lambda value: low <= value <= high,
        f"须为 {low} 至 {high} 的整数{unit_zh and f'（{unit_zh}）'}",
        f"must be a whole number from {low} to {high}{unit_en and f' ({unit_en})'}",
    )


def flag() -> Rule:
    """true or false."""
    return Rule(bool, lambda value: True, "须为 true 或 false", "must be true or false")


def shaped(pattern: str, zh: str, en: str) -> Rule:
    """A text that the whole of `pattern` matches."""
    compiled = re.compile(pattern)
    return Rule(str, lambda value: compiled.fullmatch(value) is not None, zh, en)


def words(low: int, high: int) -> Rule:
    """A printable text of `low` to `high` characters."""
    return Rule(
        str,
        lambda value: low <= len(value) <= high and value.isprintable(),
        f"须为 {low} 至 {high} 个可见字符",
        f"must be {low} to {high} printable characters",
    )


def several(rule: Rule, low: int, high: int) -> Rule:
    """A list of `low` to `high` different values, each within `rule`."""

    def accepts(values: list[Any]) -> bool:
        return low <= len(values) <= high and all(map(rule.met_by, values)) and len(set(values)) == len(values)

    return Rule(
        list,
        accepts,
        f"须为 {low} 至 {high} 个互不相同的值，每个{rule.zh}",
        f"must be a list of {low} to {high} different values, each of which {rule.en}",
    )


READER_PATH = shaped(
    r"usb(:[0-9A-Fa-f]{3,4}(:[0-9A-Fa-f]{3,4})?)?"
    r"|tty:[A-Za-z0-9_-]{1,32}(:[a-z0-9]{1,16})?"
    r"|udp:(127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|localhost):[0-9]{1,5}",
    '须为 "usb"、"usb:厂商:产品"、"tty:端口:芯片" 或 "udp:127.0.0.1:端口"（udp 仅限本机）',
    'must be "usb", "usb:vendor:product", "tty:port:chip" or "udp:127.0.0.1:port" (udp on this machine only)',
)

BACKEND = shaped(
    r"|https://[A-Za-z0-9.\-\[\]:]{1,253}(/[!-~]{0,200})?"
    r"|http://(127\.[0-9.]{5,11}|localhost|\[::1\])(:[0-9]{1,5})?(/[!-~]{0,200})?",
    '须为 "https://…"；"http://" 仅限本机；"" 表示没有后台',
    'must be "https://…"; "http://" on this machine only; "" for none',
)

STICK_KEY = shaped(
    r"|[0-9a-f]{64}",
    '须为 64 位十六进制公钥（后台运行 smk backend stick-key 显示）；"" 表示不用 U 盘回执',
    'must be the 64 hex digits that smk backend stick-key prints; "" for no answers on a stick',
)

KEY_STORE = shaped(
    r"|pkcs11:token=[!-~]{1,60}\?[!-~]{1,300}",
    '须为 "pkcs11:token=…?module-path=…&pin-source=file:…"；"" 表示数据目录中的文件',
    'must be "pkcs11:token=…?module-path=…&pin-source=file:…"; "" for a file in the data directory',
)

BEYOND = shaped(
    "|serve|stop",
    '须为 "serve"（继续营运）、"stop"（不再收款）或 ""（由场所决定）',
    'must be "serve", "stop" or "" (as the place has it)',
)

CODE = shaped(
    r"[A-Za-z0-9_-]{0,8}",
    "须为至多 8 个字母、数字、- 或 _",
    "must be at most 8 letters, digits, - or _",
)

LINE = shaped(
    r"[A-Za-z0-9_-]{1,8}",
    "须为 1 至 8 个字母、数字、- 或 _",
    "must be 1 to 8 letters, digits, - or _",
)

NAME = shaped(
    r"[a-z][a-z0-9_]{0,31}",
    "须为小写字母开头的名称（字母、数字、_）",
    "must be a name of lower-case letters, digits and _",
)

OPERATOR = shaped(
    r"|[a-z][a-z0-9-]{0,31}",
    '须为小写字母开头的名称（字母、数字、-）；"" 表示没有',
    'must be a name of lower-case letters, digits and -; "" for none',
)

DEVICE = shaped(
    r"|/dev/[A-Za-z0-9_./-]{1,100}",
    '须为串口设备，如 "/dev/ttyUSB1"；"" 表示没有',
    'must be a serial device, as "/dev/ttyUSB1"; "" for none',
)

LANGUAGE = shaped("zh|en", '须为 "zh" 或 "en"', 'must be "zh" or "en"')

INSTITUTION = shaped(
    r"|[A-Za-z0-9]{12}",
    '须为 12 位定点医药机构代码；"" 表示不是医保窗口',
    'must be the institution\'s code of 12 letters and digits; "" for a device that is no hospital counter',
)

HOSPITAL_LEVEL = shaped("[1-4]|9", '须为 "1" 至 "4" 或 "9"（未定级）', 'must be "1" to "4", or "9" for no level')

HOST = shaped(
    r"|[A-Za-z0-9.\-]{1,253}",
    '须为主机名或 IPv4 地址；"" 表示没有',
    'must be a host name or IPv4 address; "" for none',
)

PLACE = words(1, 200)
"""A path in the file system, or "builtin:NAME"."""
