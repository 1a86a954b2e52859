"""Operation MERIDIAN: what the participants say, modelled on public facts of such operations.

Cigarettes of brands made for smuggling ("cheap whites") move in maritime containers behind a
cover load, from free zones by way of a transhipment port to the Union; one 40-foot container
takes about ten million sticks (WCO Illicit Trade Reports; OLAF reports; both public). Persons,
companies and the container are invented; its check digit is right (ISO 6346). UN/LOCODEs and
HS headings are from the official lists: 2402.20 is "Cigarettes containing tobacco".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OPERATION = "MERIDIAN"
DEPLOYMENT = "cencomm-demonstration"
LEGAL_BASIS = "Demonstration; no real data. Modelled on Nairobi Convention annexes IX and X."
ALERTS, FIELD, EXPERTS = "alerts", "field", "experts"  # the working channels
BOT_RATE = 5  # drops an hour
ROLES = (
    *("coordinator", "ncp", "officer", "analyst"),
    *("observer", "expert", "bot", "auditor"),
)
GRACE_S = 4


@dataclass(frozen=True, slots=True)
class Participant:
    """One process of the play. `by` names who vouches: an NCP's key, or a root's."""

    key: str
    administration: str
    code: str
    role: str  # the role in the operation, "auditor" for the audit set
    title: str
    by: str
    kind: str = "human"


ROOTS = "roots"  # the custodians' process
ADMINISTRATIONS = ("RILO", "FR", "DE", "PL", "WCO")
PARTICIPANTS: tuple[Participant, ...] = (
    Participant("rilo", "RILO", "RILO-001", "coordinator", "RILO coordinator", "root"),
    Participant("ncp-fr", "FR", "FR-001", "ncp", "NCP France", "root"),
    Participant("ncp-de", "DE", "DE-001", "ncp", "NCP Germany", "root"),
    Participant("ncp-pl", "PL", "PL-001", "coordinator", "NCP and coordinator, Poland", "root"),
    Participant("fr", "FR", "FR-014", "officer", "Investigator, Le Havre", "ncp-fr"),
    Participant("de", "DE", "DE-027", "officer", "Investigator, Hamburg", "ncp-de"),
    Participant("pl", "PL", "PL-033", "officer", "Investigator, Gdansk", "ncp-pl"),
    Participant("wco", "WCO", "WCO-014", "analyst", "Analyst, WCO", "audit-2"),
    Participant("lab", "PL", "PL-060", "expert", "Customs laboratory, Otwock", "ncp-pl"),
    Participant("bot", "FR", "FR-BOT-1", "bot", "Hit bot, targeting system", "ncp-fr", "bot"),
    Participant("audit-1", "RILO", "RILO-009", "auditor", "Auditor, RILO", "rilo"),
    Participant("audit-2", "WCO", "WCO-009", "auditor", "Auditor, WCO", "root"),
)

CONTAINER = "MSKU6011672"
ROUTE = {"departure": "AEJEA", "transits": ["GRPIR"], "destination": "DEHAM"}
# words that stand only in sealed content: the server's files must not hold them
MARKERS = (
    "garden furniture",
    "twelve pallets",
    "behind the second row",
    "Meridian Gold",
    "Loxodonta",
    "seal intact",
)

HIT: dict[str, Any] = {
    "source": "manifest screening",
    "rule": "TOB-7",
    "rule_version": "3",
    "score": 87,
    "matched": ["cover load garden furniture", "free zone origin", "first-time consignee"],
    "subject": "container",
    "identifiers": {"container": CONTAINER},
    "snapshot_at": 1_790_000_000_000,
    "dedupe": f"TOB-7/{CONTAINER}",
}
WARNING: dict[str, Any] = {
    "subject": "container",
    "identifiers": {"container": CONTAINER},
    "goods_declared": "garden furniture",
    "goods_suspected": "cigarettes",
    "hs": ["240220"],
    "route": ROUTE,
    "indicators": ["weight does not fit the goods", "consignee founded last month"],
    "action": "control",
}
CHAT = (
    ("de", "Vessel berthed 40 minutes ago. Container is in the stack, scan is booked."),
    ("fr", "Cover load should be twelve pallets of garden furniture, look behind the second row."),
    ("pl", "Consignee has no warehouse at the address given. Two vans wait in Gdansk."),
    ("de", "Scan shows cartons behind the second row. We open."),
)
AFTER_REMOVAL = (
    ("fr", "New meeting point for the hand-over: gate 4, 15 minutes."),
    ("de", "Understood, gate 4. Meridian Gold master cases counted twice."),
)


def seizure(at_ms: int, warning_leaf: bytes) -> dict[str, Any]:
    """The content of Germany's SZR: 10,040 thousand cigarettes, by Rec 20 unit MIL."""
    return {
        "form": "simple",
        "country": "DE",
        "office": "DEHAM",
        "at": at_ms,
        "precision": "minute",
        "location": "seaport",
        "direction": "import",
        "offence": "smuggling",
        "detection": "xray",
        "trigger": "warning",
        "warning": warning_leaf,
        "goods": [
            {
                "category": "tobacco",
                "hs": "240220",
                "description": "cigarettes behind a cover load of garden furniture",
                "brand": "Meridian Gold",
                "authenticity": "genuine",
                "origin": "AE",
                "quantity": "10040",
                "unit": "MIL",
                "value": "3263000.00",
                "currency": "EUR",
            }
        ],
        "route": ROUTE,
        "conveyance": {"mode": "1", "type": "container vessel", "container": CONTAINER},
        "persons": [{"role": "consignee", "name": "A. Example", "nationality": "PL"}],
        "handling": ["H0"],
    }


EXPECTED_CLAIMS = (
    "group_created",
    "sealed_nothing_before_window",
    "window_opens",
    "bot_hit_read",
    "warning_received",
    "acknowledged",
    "chat_in_one_order",
    "seizure_reported",
    "wrong_check_digit_refused",
    "window_extended_by_two",
    "suspended_and_resumed",
    "surplus_hits_wait",
    "hits_decided_once",
    "desk_clears_answered_warnings",
    "questions_and_returns_counted",
    "directed_channel_closed_to_others",
    "expert_answers_in_its_thread",
    "h2_stays_until_released",
    "corrections_keep_the_old",
    "busy_spell_complete",
    "new_device_healed",
    "observer_only_reads",
    "removed_member_refused",
    "removed_member_reads_nothing_later",
    "outsider_opens_no_directed_channel",
    "tasks_before_the_phase",
    "every_form_arrives",
    "late_post_refused",
    "operation_closed_by_itself",
    "channel_closed_by_itself",
    "auditors_verify_without_reading",
    "one_history",
    "hold_keeps_it",
    "a_full_day",
    "each_refusal_names_its_code",
    "cen_extract",
    "server_holds_no_plaintext",
)
