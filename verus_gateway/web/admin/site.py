"""The pages as an application of their own, mounted at ``/admin``."""

from aiohttp import web

from verus_gateway.web.admin import doors, pages, view
from verus_gateway.web.admin.office import OFFICE, Office
from verus_gateway.web.admin.sessions import with_sessions
from verus_gateway.web.admin.shield import shield


def site(office: Office) -> web.Application:
    """Return the pages."""
    app = web.Application(middlewares=[with_sessions(office.sessions), shield])
    app[OFFICE] = office
    view.install(app)
    app.add_routes(pages.routes)
    app.add_routes(doors.routes)
    if office.password is not None:
        app.add_routes(doors.password_routes)
    if office.openid is not None:
        app.add_routes(doors.openid_routes)
    return app
