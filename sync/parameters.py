"""Query parameters in an OpenAPI description, from the struct that reads them."""

from typing import Any


def parameters(described: dict[str, Any]) -> list[dict[str, Any]]:
    """One for each member of the struct, whose JSON schema is `described`."""
    required = described.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in described["properties"].items()
    ]
