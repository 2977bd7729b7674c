"""The driver's manual page docs/signals.md, made from the signal table: `python -m terminal.faces.manual`."""

from pathlib import Path

from terminal.faces.table import load_signals
from terminal.signal import Kind, Row, Signals

PAGE = Path(__file__).parents[2] / "docs" / "signals.md"

_LIGHTS = {"green": "绿 green", "yellow": "黄 yellow", "red": "红 red", "blue": "蓝 blue", "off": "灭 off"}
_SHAPES = {
    "check": "✓ 对勾 check",
    "star": "★ 星 star",
    "hand": "☞ 手 hand",
    "cross": "✗ 叉 cross",
    "clock": "◷ 钟 clock",
    "bell": "! 铃 bell",
    "key": "◆ 钥匙 key",
}

_HEAD = """# 提示信号 · Signals

What riders see and hear, and what the driver does. Made from `terminal/faces/signals.toml` by
`python -m terminal.faces.manual`; do not edit it by hand.

颜色从不单独使用：形状和声音各自就能区分结果。Colour is never alone: shape and tone each tell the kinds apart.
“·” 短音 short, “—” 长音 long.

## 结果类别 · Kinds of outcome

| 类别 kind | 灯 light | 形状 shape | 声音 tone |
|---|---|---|---|
"""


def manual(signals: Signals) -> str:
    """The page's text."""
    table = signals.table
    parts = [_HEAD, *map(_kind, table.kind.values())]
    for name, kind in table.kind.items():
        parts.append(
            f"\n## {kind.zh} · {kind.en}\n\n| 屏幕 screen | 形状 shape | 司机 driver | `reason` |\n|---|---|---|---|\n"
        )
        parts += [_reason(reason.value, row) for reason, row in table.reason.items() if row.kind == name]
    parts.append(
        "\n## 附带提醒 · Warnings beside a paid tap\n\n| 屏幕 screen | 司机 driver | `warning` |\n|---|---|---|\n"
    )
    for warning, beside in table.warning.items():
        said = "<br>".join((*beside.zh_detail, *beside.en_detail))
        parts.append(f"| {said} | {beside.driver_zh}<br>{beside.driver_en} | `{warning.value}` |\n")
    return "".join(parts)


def _kind(kind: Kind) -> str:
    tone = kind.tone.replace(".", "·").replace("-", "—")
    shapes = "、".join(_SHAPES[shape] for shape in kind.shapes)
    return f"| {kind.zh} {kind.en} | {_LIGHTS[kind.light.value]} | {shapes} | {tone} |\n"


def _reason(reason: str, row: Row) -> str:
    lines = [f"**{row.zh}** {row.en}"]
    lines += [f"**{variant.zh}** {variant.en}" for variant in row.by_class.values()]
    lines += [*row.zh_detail, *row.en_detail]
    return f"| {'<br>'.join(lines)} | {_SHAPES[row.shape]} | {row.driver_zh}<br>{row.driver_en} | `{reason}` |\n"


if __name__ == "__main__":
    PAGE.write_text(manual(load_signals()), encoding="utf-8")
