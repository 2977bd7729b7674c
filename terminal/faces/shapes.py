"""The shapes of signals and the figures of amounts, drawn in characters: large ones, and one character each."""

SYMBOLS = {"check": "✓", "star": "★", "hand": "☞", "cross": "✗", "clock": "◷", "bell": "!", "key": "◆"}
"""One character for each shape, for a single line."""

_SHAPES = {
    "check": """
............##
..........##..
........##....
##....##......
..##.##.......
....##........
""",
    "star": """
......#......
.....###.....
#############
..#########..
...#######...
..####.####..
.##.......##.
""",
    "hand": """
...#.#.#.....
.#.#.#.#.....
.#.#.#.#...#.
.#######.##..
.#########...
..#######....
...#####.....
""",
    "cross": """
##.......##
..##...##..
....###....
....###....
..##...##..
##.......##
""",
    "clock": """
...#######...
.##...#...##.
##....#....##
##....###..##
##.........##
.##.......##.
...#######...
""",
    "bell": """
......#......
....#####....
...#######...
...#######...
..#########..
.###########.
......#......
""",
    "key": """
..####........
##....##......
##....########
##....##..#.##
..####....#.##
""",
}

_FIGURES = {
    "0": "### #.# #.# #.# ###",
    "1": ".#. ##. .#. .#. ###",
    "2": "### ..# ### #.. ###",
    "3": "### ..# ### ..# ###",
    "4": "#.# #.# ### ..# ..#",
    "5": "### #.. ### ..# ###",
    "6": "### #.. ### #.# ###",
    "7": "### ..# ..# ..# ..#",
    "8": "### #.# ### #.# ###",
    "9": "### #.# ### ..# ###",
    ".": ". . . . #",
    "-": "... ... ### ... ...",
}


def _drawn(dots: str) -> str:
    return dots.replace("#", "█").replace(".", " ")


DRAWINGS = {name: tuple(_drawn(dots.strip("\n")).split("\n")) for name, dots in _SHAPES.items()}
"""Each shape in at most seven lines of equal width."""


def figures(text: str) -> tuple[str, ...]:
    """An amount ("-12.50") in five lines of large figures."""
    glyphs = [_FIGURES[letter].split(" ") for letter in text]
    return tuple(_drawn(".".join(glyph[line] for glyph in glyphs)) for line in range(5))
