"""One table says the status of every code, and docs/api.md says the same."""

import re
from pathlib import Path

from cencomm_config.catalog import sentences
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode
from cencomm_server.errors import STATUS

DOCS = Path(__file__).parents[3] / "docs" / "api.md"
CODES = [*map(str, ServiceCode), *map(str, ErrorCode)]


def test_every_code_has_a_status_and_no_other_has() -> None:
    assert sorted(STATUS) == sorted(CODES)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_every_code_is_documented_with_its_status_and_sentence() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (.*) \|$", DOCS.read_text(), re.M)
    assert [(code, int(status), text) for code, status, text in rows] == [
        (code, STATUS[code], sentences()[code]) for code in CODES
    ]
