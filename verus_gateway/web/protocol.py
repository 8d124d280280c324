"""aiohttp's server, with our own words for bytes that are no HTTP.

Such bytes never become a request, so no middleware sees them: aiohttp answers them in plain
text, under its own name and version, and logs a traceback for each. Here they get the same
JSON-RPC error body and headers as everything else, and no line in the log.
"""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from verus_gateway.errors import InternalError, InvalidRequest, RpcError
from verus_gateway.web.middleware import dressed
from verus_gateway.web.refusal import refusal


class Protocol(RequestHandler):
    """One connection of a client."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature; our own words are said
    ) -> web.StreamResponse:
        """Return the answer to bytes that are no request, and close the connection.

        Raises:
            ConnectionError: part of an answer has already been sent.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer has already been sent")
        error: RpcError = InvalidRequest("this is no HTTP/1.1 request")
        if status >= 500:  # noqa: PLR2004  HTTP's border between their fault and ours
            self.log_exception("request failed", exc_info=exc)
            error = InternalError("internal error")
        response = refusal(error, status=status)
        response.force_close()
        return dressed(response)


class Server(web.Server):
    """Makes a `Protocol` for each connection."""

    def __call__(self) -> Protocol:
        """Return the protocol of a new connection."""
        return Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on `Server`."""

    async def _make_server(self) -> Any:
        made = await super()._make_server()
        made.__class__ = Server  # the same object with another way to make protocols
        return made
