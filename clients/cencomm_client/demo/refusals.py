"""Which refusals the play meets: of all that a member can meet in an act of an operation.

A code that is not here stands with its reason in `tests/unit/client/test_demo_refusals.py`.
"""

MET = frozenset(
    {
        # forms, handling, and who wrote an entry
        "form_invalid",
        "handling_forbids",
        "not_changeable",
        "not_directed",
        "not_the_author",
        "too_large",
        "unknown_reference",
        # who may: roles, membership, the other side
        "forbidden",
        "inactive",
        "no_epoch_key",
        "not_member",
        "not_permitted",
        "proposal_spent",
        "same_administration",
        "successor_needed",
        "unknown_proposal",
        # when: phases, windows, tasks, holds
        "bad_value",
        "closed",
        "held",
        "no_new_warnings",
        "not_closed",
        "out_of_window",
        "tasks_open",
        "window_too_long",
        "wrong_phase",
        # of what: names that are not there, or there already
        "already_exists",
        "bad_audit_set",
        "unknown_administration",
        "unknown_channel",
        "unknown_device",
        "unknown_log",
        "unknown_person",
        # bots, and exercises
        "exercise_mixed",
        "hit_decided",
        "rate_limited",
    }
)
"""Codes that somebody is refused with, in front of the others, once or more."""
