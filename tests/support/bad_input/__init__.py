"""The table of bad input: what is sent, and the one code that must come back.

Each module adds cases with `@case`; `bench` sends them to the real application; `table` writes
docs/bad-input.md (`python -m tests.support.bad_input`). `mutations` makes thousands more.
"""

from __future__ import annotations
