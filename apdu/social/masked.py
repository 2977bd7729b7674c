"""What a screen, a receipt or a log may show of a person."""


def masked_name(name: str) -> str:
    """The first character, and a star for each other: 张* for a name of two."""
    return name[:1] + "*" * (len(name) - 1)


def masked_number(number: str) -> str:
    """A card's or a person's number by its last four; a short one not at all."""
    return "*" * len(number) if len(number) <= 8 else "*" * (len(number) - 4) + number[-4:]
