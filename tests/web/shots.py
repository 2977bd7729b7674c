"""`python -m tests.web.shots`: what docs shows of the web face, made anew: the API's description and the pictures."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
API = DOCS / "api.json"
