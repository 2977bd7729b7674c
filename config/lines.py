"""Where a key stands in a TOML text. `tomllib` gives values without places; a fault without its line is half a fault.

A plain scan for headers and keys; it is asked only for keys that the TOML parser has found, and a text laid out so
oddly that the scan misses one costs the line number, nothing else.
"""


def key_lines(text: str) -> dict[str, int]:
    """Line numbers from 1 of tables and keys: "terminal", "terminal.number", "duty[2]", "duty[2].card"."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        code = line.strip()
        if code.startswith("["):
            name = code.partition("]")[0].strip("[ ")
            if code.startswith("[["):
                counts[name] = counts.get(name, 0) + 1
                name = f"{name}[{counts[name]}]"
            table = name
            lines.setdefault(table, number)
        elif not code.startswith("#") and "=" in code:
            name = code.partition("=")[0].partition(".")[0].strip(" \t\"'")
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines
