"""`cencomm status`: who this device is, what it holds, and what needs a person."""

from __future__ import annotations

from cencomm_client.cli.output import Output
from cencomm_client.cli.run import DEFAULT_VAULT, AsJson, PasswordFile, VaultPath, opened, run
from cencomm_client.evidence import evidence_folder


def status(
    vault: VaultPath = DEFAULT_VAULT, password_file: PasswordFile = None, as_json: AsJson = False
) -> None:
    """Show this device: person, session, what waits to be sent, alarms, operations."""

    async def work(output: Output) -> None:
        async with opened(output, vault, password_file) as client:
            folder = evidence_folder(vault)
            files = sorted(path.name for path in folder.glob("*.cbor")) if folder.exists() else []
            alarms = client.alarms()
            document = {
                "code": client.code,
                "device": client.device,
                "bot": client.is_bot,
                "server": client.server,
                "directory": client.vault.directory_id,
                "logged_in": client.logged_in,
                "outbox": len(client.vault.outbox()),
                "evidence": files,
                "alarms": [
                    {"code": kept.code, "row": kept.row, "log": kept.log, "seq": kept.seq}
                    for kept in alarms
                ],
                "operations": len(client.operations()),
            }
        output.document(document)
        output.table(
            ("", ""),
            [
                (name, value.hex() if isinstance(value, bytes) else str(value))
                for name, value in document.items()
                if name not in ("alarms", "evidence")
            ],
        )
        output.table(
            ("alarm", "row", "detail"), [(kept.code, kept.row, kept.detail) for kept in alarms]
        )

    run(as_json, work)
