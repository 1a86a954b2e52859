"""Who may found the directory: whoever holds the token that `init` made, once (ADR 0020).

Without it, anybody on the network could post a genesis of their own into a new server before the
custodians do, under the public name and log key.
"""

from __future__ import annotations

from cencomm_config.errors import SetupRefused
from cencomm_crypto.public.primitives import equal

from cencomm_server import installation as installations
from cencomm_server.accounts.principal import Directory
from cencomm_server.installation import Installation


class Founding:
    """Asked before the engine is given a directory genesis."""

    def __init__(self, installation: Installation, directory: Directory) -> None:
        """`directory` says whether there is one already."""
        self._installation = installation
        self._directory = directory

    def check(self, token: str) -> None:
        """Raise SetupRefused unless `token` is the one of `init`, in hex.

        Once there is a directory the engine answers by itself: the same genesis has its receipt,
        another one is refused.
        """
        if self._directory.state is not None:
            return
        expected = self._installation.setup_token
        if expected is None or not equal(token.encode("utf-8", "replace"), _hex(expected)):
            raise SetupRefused("the set-up token that `cencomm-server init` printed is expected")

    def done(self) -> None:
        """The genesis stands: the token has done its work."""
        installations.forget_setup_token(self._installation.folder)


def _hex(token: bytes) -> bytes:
    return token.hex().encode("ascii")
