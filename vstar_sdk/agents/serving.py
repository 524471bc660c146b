"""The MCP server over HTTP, behind the same gate as the HTTP service."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from vstar_sdk.service.access import Access
from vstar_sdk.service.gate import Gate

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer
    from starlette.types import ASGIApp


def application(server: MCPServer, access: Access) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        server: with its tools.
        access: what requests must bring. It looks at ``Host`` and ``Origin``, so the transport need not.
    """
    app = server.streamable_http_app(transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))
    return Gate(app, access)


def serve(server: MCPServer, access: Access, listener: socket.socket) -> None:
    """Serve until a signal ends it.

    Args:
        server: with its tools.
        access: what requests must bring.
        listener: a socket that listens.
    """
    config = uvicorn.Config(
        application(server, access), log_level="warning", proxy_headers=False, server_header=False, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run(sockets=[listener])
