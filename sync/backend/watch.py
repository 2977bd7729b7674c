"""The operator's page and its figures, and what Prometheus reads. The page is open; what it shows needs the token."""

from collections.abc import Callable
from importlib.resources import files

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend.health import Health, health
from sync.backend.operator import Operator, problem
from sync.backend.service import Service

PAGE = {"/operator": "operator.html", "/operator/operator.js": "operator.js", "/operator/operator.css": "operator.css"}
"""What anybody may load: it holds nothing."""
_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def watch_routes(backend: Service, operator: Operator, now: Callable[[], str]) -> list[Route]:
    """The page, `/v1/operator/health`, and `/metrics`."""

    def look() -> tuple[Health, int]:
        with backend.question() as database:
            rows = int(next(database.query("select coalesce(sum(ack), 0) as rows from stream"))["rows"])
            return health(database, now(), backend.versions), rows

    async def figures(_request: Request) -> Response:
        found, _ = await run_in_threadpool(look)
        return Response(msgspec.json.encode(found), media_type="application/json", headers=_HEADERS)

    async def metrics(_request: Request) -> Response:
        try:
            from sync.backend.metrics import CONTENT_TYPE, exposition
        except ImportError:
            return problem(501, "no_metrics", "prometheus-client is missing: pip install 'citizen-card-terminal[city]'")
        text = exposition(*await run_in_threadpool(look))
        return Response(text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def page(request: Request) -> Response:
        name = PAGE[request.url.path]
        raw = (files("sync.backend") / "page" / name).read_bytes()
        return Response(raw, media_type=_KINDS[name.rsplit(".", 1)[1]], headers=_HEADERS)

    return [
        *(Route(path, page) for path in PAGE),
        Route("/v1/operator/health", operator.guarded(figures)),
        Route("/metrics", operator.guarded(metrics)),
    ]
