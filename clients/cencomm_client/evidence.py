"""Evidence files: own signed entries that the server never put under a signed head (A6).

The file holds the signed bytes and when they were kept and given up; whoever has the author's
public key can check them. It stands beside the vault and holds nothing readable.
"""

from __future__ import annotations

from pathlib import Path

from cencomm_crypto.public.encoding import encode

from cencomm_client.sealed_file import replace_file
from cencomm_client.vault_contents import OutboxItem

FORMAT = 1


def evidence_folder(vault: Path) -> Path:
    """Where the evidence of a vault stands."""
    return vault.with_name(vault.name + ".evidence")


def keep_evidence(vault: Path, item: OutboxItem, now_ms: int) -> Path:
    """Write the file of one entry; the same entry again replaces it."""
    folder = evidence_folder(vault)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{item.log.hex()}-{item.id.hex()}.cbor"
    replace_file(
        path,
        encode(
            {
                "format": FORMAT,
                "log": item.log,
                "submission": item.submission,
                "kept_ms": item.created_ms,
                "noted_ms": now_ms,
            }
        ),
    )
    return path
