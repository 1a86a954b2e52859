"""The command `cencomm`: the SDK at a terminal, and for other programs by `--json`.

Refuses secrets on the command line. Everything foreign is shown through one function (A51).
docs/cli.md lists every command and exit code. Imported by nobody else.
"""

from __future__ import annotations

import sys

import typer

from cencomm_client.cli import accounts, messages, work
from cencomm_client.cli import course as course  # its commands stand in the group `operation`
from cencomm_client.cli import root_decisions as root_decisions  # and these in `root`
from cencomm_client.cli.bot_commands import bots
from cencomm_client.cli.cen_commands import extracts
from cencomm_client.cli.channels import channels
from cencomm_client.cli.desk import desk, desk_bot
from cencomm_client.cli.exits import Exit
from cencomm_client.cli.forms_commands import forms, lists
from cencomm_client.cli.operations import operations
from cencomm_client.cli.roots import roots
from cencomm_client.cli.status import go_on, hand_back, status
from cencomm_client.cli.triage_commands import triage

app = typer.Typer(
    name="cencomm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="End-to-end encrypted coordination of joint customs operations.",
)
for command in (
    accounts.enrol,
    accounts.request,
    accounts.register,
    accounts.login,
    accounts.recovery,
    accounts.logout,
    accounts.invite,
    accounts.vouch,
    accounts.bot_secret,
    accounts.revoke,
    accounts.suspend,
    accounts.reset,
    accounts.rekey,
    status,
    go_on,
    hand_back,
    messages.post,
    messages.follow,
    messages.verify,
    desk,
    desk_bot,
    work.search,
    work.chain,
    work.correct,
    work.withdraw,
    work.forward,
    work.export,
):
    app.command()(command)
app.add_typer(operations, name="operation")
app.add_typer(channels, name="channel")
app.add_typer(bots, name="bot")
app.add_typer(triage, name="triage")
app.add_typer(forms, name="forms")
app.add_typer(lists, name="lists")
app.add_typer(extracts, name="cen")
app.add_typer(roots, name="root")


def main() -> None:
    """Entry point; a defect of this program says so in one line, without what it was about."""
    try:
        app()
    except Exception as error:
        sys.stderr.write(f"cencomm: internal error: {type(error).__name__}\n")
        sys.exit(Exit.DEFECT)
