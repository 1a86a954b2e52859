"""`python -m cencomm_client.demo.code FILE`: the present one-time code of a demonstration's seed.

Real people use an authenticator; this stands in for one, for the demonstration's own accounts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyotp


def run() -> None:
    """Print the six digits."""
    seed = Path(sys.argv[1]).read_text().strip()
    sys.stdout.write(pyotp.TOTP(seed).now() + "\n")


if __name__ == "__main__":
    run()
