"""All HTTP routes on one page; docs/api.md describes them and a test compares the two.

The live socket is not a route of this table: `events` has its path and its events.
"""

from __future__ import annotations

from cencomm_server.http.accounts import AccountHandlers
from cencomm_server.http.call import Access, Route, Takes
from cencomm_server.http.logs import LogHandlers
from cencomm_server.http.running import RunningHandlers
from cencomm_server.openapi import served

FREE, PUBLIC, LOGIN, TOKEN = Access.FREE, Access.PUBLIC, Access.LOGIN, Access.TOKEN
OPERATOR = Access.OPERATOR
JSON, SUBMISSION, TAIL = Takes.JSON, Takes.SUBMISSION, Takes.TAIL


def monitoring(running: RunningHandlers) -> tuple[Route, ...]:
    """What stands on the port of `metrics_listen`, for whoever can reach that port."""
    return (
        Route("GET", "/healthz", running.alive, FREE),
        Route("GET", "/readyz", running.ready, FREE),
        Route("GET", "/metrics", running.metrics, FREE),
    )


def routes(
    running: RunningHandlers, accounts: AccountHandlers, logs: LogHandlers
) -> tuple[Route, ...]:
    """Method, path, handler, who may call it, what body it takes; `described` says the rest."""
    table = (
        # running
        Route("GET", "/healthz", running.alive, FREE),
        Route("GET", "/readyz", running.ready, PUBLIC),
        Route("GET", "/metrics", running.metrics, OPERATOR),
        Route("GET", "/v1/info", running.info, PUBLIC),
        Route("GET", "/v1/openapi.json", running.openapi, PUBLIC),
        # the directory without a token
        Route("GET", "/v1/directory/head", logs.directory_head, PUBLIC),
        Route("POST", "/v1/directory/entries", logs.append_root_signed, PUBLIC, SUBMISSION),
        # enrolment
        Route("POST", "/v1/invitations", accounts.invite, TOKEN, JSON),
        Route("GET", "/v1/invitations", accounts.invitations, TOKEN),
        Route("POST", "/v1/enrolments", accounts.enrol, PUBLIC, JSON),
        Route("GET", "/v1/enrolments", accounts.enrolment, PUBLIC),
        # accounts
        Route("POST", "/v1/login/challenge", accounts.challenge, PUBLIC, JSON),
        Route("POST", "/v1/account", accounts.register, LOGIN, JSON),
        Route("POST", "/v1/account/confirm", accounts.confirm, LOGIN, JSON),
        Route("POST", "/v1/account/recovery", accounts.renew_recovery, TOKEN, JSON),
        Route("POST", "/v1/login", accounts.login, LOGIN, JSON),
        Route("POST", "/v1/bot/login", accounts.bot_login, LOGIN, JSON),
        Route("POST", "/v1/bot/secret", accounts.bot_secret, TOKEN, JSON),
        Route("POST", "/v1/logout", accounts.logout, TOKEN, JSON),
        # logs
        Route("GET", "/v1/logs", logs.logs, TOKEN),
        Route("POST", "/v1/logs", logs.create, TOKEN, SUBMISSION),
        Route("POST", "/v1/logs/{log}/entries", logs.append, TOKEN, SUBMISSION),
        Route("GET", "/v1/logs/{log}/entries", logs.entries, TOKEN),
        Route("GET", "/v1/logs/{log}/checkpoint", logs.checkpoint, TOKEN),
        Route("GET", "/v1/logs/{log}/proof", logs.proof, TOKEN),
        Route("POST", "/v1/logs/{log}/tail", logs.tail, TOKEN, TAIL),
        Route("GET", "/v1/logs/{log}/wraps", logs.wraps, TOKEN),
        Route("POST", "/v1/logs/{log}/wraps", logs.wraps_back, TOKEN, SUBMISSION),
    )
    running.describe(served(table, running.version))
    return table
