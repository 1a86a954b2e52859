"""The desk as a projection: chains, clocks, stages, corrections, returns, clones."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.follow import Feed
from cencomm_client.items import Damage, Flag
from cencomm_client.triage import hits_of
from cencomm_client.work.clocks import Stage
from cencomm_client.work.desk import Desk
from cencomm_client.work.duties import NOBODY, What
from cencomm_client.work.snapshot import Overdue
from cencomm_client.work.threads import KeptThreads

from tests.support.talk import DAY, HOUR, START, Talk, seizure, warning

ACCEPTED = {"answer": "accepted"}


def overdue(talk: Talk, desk: Desk | None = None) -> list[tuple[str, str, Stage]]:
    """(administration, what, stage) of all that is overdue now, but for situation reports."""
    rows = (desk or talk.desk()).snapshot(talk.now).overdue
    return [
        (row.administration, str(row.duty.what), row.stage)
        for row in rows
        if row.duty.what is not What.SITUATION
    ]


def stand(talk: Talk, desk: Desk | None = None) -> list[str]:
    """How far each open warning is."""
    return [chain.stand for chain in (desk or talk.desk()).snapshot(talk.now).warnings]


def test_a_warning_is_open_and_overdue_with_its_recipient_then_the_ncp_then_the_ocu() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE-007"])
    talk.wait(minutes=30)
    assert (stand(talk), overdue(talk)) == (["waiting"], [])
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]
    talk.wait(minutes=30)
    assert overdue(talk) == [("DE", "accept", Stage.NCP)]
    talk.wait(minutes=30)
    assert overdue(talk) == [("DE", "accept", Stage.OCU)]
    talk.wait(days=3)
    assert overdue(talk) == [("DE", "accept", Stage.OCU)]


def test_a_flash_warning_is_overdue_after_ten_minutes() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE"], prio="flash")
    talk.wait(minutes=10.5)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_an_asked_acceptance_time_goes_before_the_clock() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE"], ack_by=START + 2 * HOUR)
    talk.wait(minutes=119)
    assert overdue(talk) == []
    talk.wait(minutes=2)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_the_clocks_are_the_operations_own() -> None:
    talk = Talk(clocks={"accept_s": 60})
    talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=2.5)
    assert overdue(talk) == [("DE", "accept", Stage.NCP)]


def test_an_accepted_warning_waits_for_feedback_by_its_deadline() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(deadline=START + 5 * HOUR), to=["DE"])
    talk.wait(minutes=5)
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.wait(hours=4)
    assert (stand(talk), overdue(talk)) == (["accepted"], [])
    talk.wait(hours=1)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_without_a_deadline_feedback_is_due_a_day_after_the_eta() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(route={"eta": START + DAY}), to=["DE"])
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.wait(hours=48)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_without_either_feedback_is_due_a_day_after_the_acceptance() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=20)
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.wait(hours=24)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_feedback_without_a_finding_ends_the_chain() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("DE", "FBK", {"outcome": "no_finding"}, re=warned)
    talk.wait(days=2)
    assert (stand(talk), overdue(talk)) == ([], [])


def test_ongoing_feedback_gives_another_day() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(deadline=START + HOUR), to=["DE"])
    talk.says("DE", "FBK", {"outcome": "ongoing"}, re=warned)
    talk.wait(hours=23)
    assert (stand(talk), overdue(talk)) == (["ongoing"], [])
    talk.wait(hours=2)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_a_seizure_owes_the_simple_report_in_a_day_and_the_long_one_in_fifteen() -> None:
    talk = Talk(live_days=60)
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    found = talk.says("DE", "FBK", {"outcome": "seizure", "seizure": bytes(32)}, re=warned)
    talk.wait(hours=25)
    assert overdue(talk) == [("DE", "seizure", Stage.RECIPIENT)]
    simple = talk.says("DE", "SZR", seizure(), re=found)
    talk.wait(days=15)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "long", Stage.RECIPIENT)]
    talk.says("DE", "SZR", seizure(form="long"), re=simple)
    assert (stand(talk), overdue(talk)) == ([], [])


def test_a_correction_can_make_the_long_report_of_a_simple_one() -> None:
    talk = Talk(live_days=60)
    simple = talk.says("DE", "SZR", seizure())
    talk.wait(days=16)
    assert overdue(talk) == [("DE", "long", Stage.OCU)]
    change = {"target": simple.place.leaf, "fields": {"form": "long"}, "reason": "all is known"}
    talk.says("DE", "COR", change)
    assert overdue(talk) == []
    (row,) = [one for one in talk.desk().snapshot(talk.now).completeness if one.counts]
    assert row.counts[What.LONG].late == 1


def test_a_seizure_that_a_feedback_names_joins_its_chain() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    seized = talk.says("DE", "SZR", seizure())
    talk.says("DE", "FBK", {"outcome": "seizure", "seizure": seized.place.leaf}, re=warned)
    chain = talk.desk().chain(seized.place.leaf)
    assert chain is not None
    assert (chain.leaf, chain.stand) == (warned.place.leaf, "seizure")
    talk.wait(days=2)
    assert overdue(talk) == []


def test_a_declined_warning_stays_open_and_owes_nothing() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(deadline=START + HOUR), to=["DE"])
    talk.says("DE", "ACK", {"answer": "declined", "reason": "not our port"}, re=warned)
    talk.wait(days=3)
    assert (stand(talk), overdue(talk)) == (["declined"], [])


def test_a_transfer_starts_the_clock_of_who_it_names() -> None:
    talk = Talk()
    talk.joins("PL")
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=20)
    talk.says("DE", "ACK", {"answer": "transferred", "transferred_to": "PL-033"}, re=warned)
    talk.wait(minutes=29)
    assert overdue(talk) == []
    talk.wait(minutes=2)
    assert overdue(talk) == [("PL", "accept", Stage.RECIPIENT)]


def test_a_transfer_lets_nobody_off_but_for_another() -> None:
    """To a colleague, to nobody known, or round in a circle: somebody is asked still."""
    for to, asked in (("DE-033", "DE"), ("DE", "DE"), ("ZZ-001", NOBODY)):
        talk = Talk()
        warned = talk.says("FR", "WRN", warning(), to=["DE"])
        talk.says("DE", "ACK", {"answer": "transferred", "transferred_to": to}, re=warned)
        talk.wait(minutes=31)
        stage = Stage.OCU if asked == NOBODY else Stage.RECIPIENT
        assert overdue(talk) == [(asked, "accept", stage)], to
    talk = Talk()
    talk.joins("PL")
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("DE", "ACK", {"answer": "transferred", "transferred_to": "PL"}, re=warned)
    talk.says("PL", "ACK", {"answer": "transferred", "transferred_to": "DE"}, re=warned)
    talk.wait(minutes=31)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.wait(hours=25)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_each_addressed_administration_answers_for_itself() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE-007", "PL-003"])
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.wait(minutes=31)
    assert overdue(talk) == [("PL", "accept", Stage.RECIPIENT)]


def test_a_warning_to_nobody_goes_to_the_ocu_until_somebody_takes_it() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning())
    talk.wait(minutes=31)
    assert overdue(talk) == [(NOBODY, "accept", Stage.OCU)]
    talk.says("ES", "ACK", ACCEPTED, re=warned)
    assert overdue(talk) == []
    talk.wait(hours=25)
    assert overdue(talk) == [("ES", "feedback", Stage.RECIPIENT)]


def test_an_answer_by_an_outsider_answers_for_nobody_else() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("ES", "ACK", {"answer": "declined", "reason": "no"}, re=warned)
    talk.wait(minutes=31)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_what_is_doubtful_answers_nothing() -> None:
    for flag in (Flag.AFTER_REVOCATION, Flag.FORGED_METADATA, Flag.MISPLACED):
        talk = Talk()
        warned = talk.says("FR", "WRN", warning(), to=["DE"])
        talk.says("DE", "ACK", ACCEPTED, re=warned, flags=[flag])
        talk.wait(minutes=31)
        assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)], flag


def test_a_bot_reads_nothing_and_answers_nothing() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("DE", "ACK", ACCEPTED, re=warned, type="drop")
    talk.wait(minutes=31)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_a_task_that_a_coordinator_handed_on_is_owed_by_its_new_administration_alone() -> None:
    """Its author's administration is neither the one that left nor the coordinator's."""
    talk = Talk()
    talk.joins("BE", "FR", "DE", "RILO")
    content = {"task": "count", "assignee": {"administration": "FR"}, "due": START + HOUR}
    old = talk.says("BE", "TSK", content)
    talk.says("DE", "TSK", {**content, "state": "cancelled"}, re=old)  # none of its business
    talk.wait(hours=2)
    assert overdue(talk) == [("FR", "task", Stage.RECIPIENT)]
    talk.says("RILO", "TSK", {**content, "assignee": {"administration": "DE"}})
    talk.says("RILO", "TSK", {**content, "state": "cancelled"}, re=old)
    assert overdue(talk) == [("DE", "task", Stage.RECIPIENT)]


@pytest.mark.parametrize("kind", ["COR", "WDR"])
def test_a_bots_host_takes_back_and_changes_nothing_of_its_administration(kind: str) -> None:
    """A31: it knows the leaf hashes of all entries, and writes drops of any kind it likes."""
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    fields = {"fields": {"goods_suspected": "nothing"}} if kind == "COR" else {}
    about = {"target": warned.place.leaf, "reason": "x", **fields}
    talk.says("FR", kind, about, type="drop", flags=[Flag.UNEXPECTED_KIND])
    talk.says("FR", kind, about, type="drop", person="FR-B01")  # of a bot that may drop all kinds
    talk.wait(minutes=31)
    present = talk.desk().present(warned)
    assert present.content == warned.content
    assert len(present.idle) == 2
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_an_answer_to_a_message_sealed_anew_finds_its_chain() -> None:
    talk = Talk()
    first = talk.says("FR", "WRN", warning(), to=["DE"], mid=b"m" * 16)
    again = talk.says("FR", "WRN", warning(), to=["DE"], mid=b"m" * 16, flags=[Flag.RESEALED])
    talk.says("DE", "ACK", ACCEPTED, re=again)
    desk = talk.desk()
    assert stand(talk, desk) == ["accepted"]
    assert desk.chain(again.place.leaf) is desk.chain(first.place.leaf)


def test_one_return_on_days_to_come_is_no_return_for_them() -> None:
    talk = Talk(live_days=5)
    talk.joins("FR")
    talk.wait(hours=23)
    talk.says("FR", "SIT", {"nil": True, "period": {"from": START, "to": START + 1000 * DAY}})
    talk.wait(days=3, hours=8)
    (row,) = talk.desk().snapshot(talk.now).nil_due
    assert (row.administration, row.missing) == ("FR", 3)
    (counted,) = talk.desk().snapshot(talk.now).completeness
    assert (counted.total.owed, counted.total.sent) == (4, 1)


def test_an_entry_counts_once_and_no_longer_than_it_is_sound() -> None:
    talk = Talk()
    talk.joins("FR")
    said = talk.says("FR", "WRN", warning(), mid=b"m" * 16)
    talk.says("FR", "WRN", warning(), mid=b"m" * 16, flags=[Flag.RESEALED])
    desk = talk.desk()
    assert desk.snapshot(talk.now).totals.entries == 1
    assert [row.posted for row in desk.snapshot(talk.now).completeness] == [1]
    desk.take(replace(said, flags=frozenset([Flag.AFTER_REVOCATION])))  # learned later
    assert desk.snapshot(talk.now).totals.entries == 0
    assert [row.posted for row in desk.snapshot(talk.now).completeness] == [0]


def test_another_device_with_the_same_mid_is_another_message() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), mid=b"m" * 16)
    talk.says("ES", "WRN", warning(), mid=b"m" * 16)
    assert stand(talk) == ["waiting", "waiting"]


def test_an_answer_waits_for_a_warning_that_becomes_readable_later() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    desk = talk.empty_desk()
    desk.take(replace(warned, content=None, kind=None, mid=None, to=(), damage=Damage("no_key")))
    desk.take(talk.says("DE", "ACK", ACCEPTED, re=warned))
    assert stand(talk, desk) == []
    desk.take(warned)
    assert stand(talk, desk) == ["accepted"]


def test_a_correction_moves_the_clock_and_keeps_what_was_said() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(deadline=START + HOUR), to=["DE"])
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    desk = talk.desk()
    talk.wait(hours=2)
    assert overdue(talk, desk) == [("DE", "feedback", Stage.RECIPIENT)]
    change = {"target": warned.place.leaf, "fields": {"deadline": START + 9 * HOUR}, "reason": "x"}
    desk.take(talk.says("FR", "COR", change))
    assert overdue(talk, desk) == []
    assert desk.history(warned.place.leaf)[0].content == warned.content
    assert desk.present(warned).content == {**warning(), "deadline": START + 9 * HOUR}


def test_nobody_else_corrects_or_withdraws_what_an_administration_said() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("DE", "WDR", {"target": warned.place.leaf, "reason": "not ours"})
    talk.says("DE", "COR", {"target": warned.place.leaf, "fields": {"hs": []}, "reason": "x"})
    desk = talk.desk()
    assert stand(talk, desk) == ["waiting"]
    assert desk.present(warned).content == warned.content
    assert len(desk.present(warned).idle) == 2


def test_a_withdrawn_warning_leaves_the_desk_and_stays_in_the_history() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("FR", "WDR", {"target": warned.place.leaf, "reason": "wrong number"})
    talk.wait(days=1)
    desk = talk.desk()
    assert (stand(talk, desk), overdue(talk, desk)) == ([], [])
    assert [one.kind for one in desk.history(warned.place.leaf)] == ["WRN", "WDR"]
    chain = desk.chain(warned.place.leaf)
    assert chain is not None
    assert chain.stand == "withdrawn"


def test_a_withdrawn_answer_was_never_given() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    answer = talk.says("DE", "ACK", ACCEPTED, re=warned)
    talk.says("DE", "WDR", {"target": answer.place.leaf, "reason": "wrong warning"})
    talk.wait(minutes=31)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_a_withdrawn_correction_was_never_made_and_a_withdrawal_is_final() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning())
    change = {"target": warned.place.leaf, "fields": {"action": "monitor"}, "reason": "x"}
    corrected = talk.says("FR", "COR", change)
    undone = talk.says("FR", "WDR", {"target": corrected.place.leaf, "reason": "x"})
    assert talk.desk().present(warned).content == warning()
    talk.says("FR", "WDR", {"target": undone.place.leaf, "reason": "x"})
    assert talk.desk().present(warned).content == warning()


def test_a_hit_waits_for_triage_until_a_person_decides() -> None:
    talk = Talk()
    hits = [talk.says("DE", "HIT", {"rule": f"TOB-{n}"}, type="drop") for n in range(4)]
    talk.says("DE", "WRN", warning(promotes=hits[0].place.leaf))
    talk.says("DE", "HIT", {"triage": {"decision": "dismiss", "reason": "x"}}, re=hits[1])
    merged = {"triage": {"decision": "merge", "into": hits[0].place.leaf}}
    talk.says("DE", "HIT", merged, re=hits[2])
    talk.says("DE", "HIT", {"triage": {"decision": "dismiss"}}, re=hits[3], type="drop")
    shown = talk.desk().snapshot(talk.now)
    assert [chain.leaf for chain in shown.hits] == [hits[3].place.leaf]
    assert [chain.stand for chain in shown.warnings] == ["waiting"]


def test_a_hit_that_a_bot_calls_decided_waits_for_people_all_the_same() -> None:
    """A31: else the host of a bot takes hits off the desk that `triage list` still shows."""
    talk = Talk()
    content = {"rule": "TOB-7", "triage": {"decision": "dismiss", "reason": "x"}}
    hit = talk.says("DE", "HIT", content, type="drop")
    assert [chain.leaf for chain in talk.desk().snapshot(talk.now).hits] == [hit.place.leaf]
    assert [one.open for one in hits_of(talk.messages)] == [True]


def test_the_first_decision_on_a_hit_stands() -> None:
    talk = Talk()
    hit = talk.says("DE", "HIT", {"rule": "TOB-7"}, type="drop")
    talk.says("DE", "HIT", {"triage": {"decision": "dismiss", "reason": "x"}}, re=hit)
    talk.says("DE", "WRN", warning(promotes=hit.place.leaf), re=hit)
    chain = talk.desk().chain(hit.place.leaf)
    assert chain is not None
    assert chain.stand == "dismissed"


def test_the_desk_and_the_list_of_hits_decide_alike() -> None:
    """Each of these once told two things: one place judges now."""
    talk = Talk()
    dismissed = {"triage": {"decision": "dismiss", "reason": "x"}}
    hits = [talk.says("DE", "HIT", {"rule": f"TOB-{n}"}, type="drop") for n in range(7)]
    talk.says("DE", "WRN", warning(promotes=hits[0].place.leaf))  # without `re`
    talk.says("DE", "WRN", warning(), re=hits[1])  # is about it, and promotes nothing
    undone = talk.says("DE", "HIT", dismissed, re=hits[2])
    talk.says("DE", "WDR", {"target": undone.place.leaf, "reason": "x"})
    talk.says("DE", "HIT", dismissed, re=hits[3], flags=[Flag.AFTER_REVOCATION])
    talk.says("DE", "HIT", {"triage": {"decision": "dismiss"}}, re=hits[4])  # without a reason
    remark = talk.says("DE", "MSG", {"text": "the same lorry again"}, re=hits[5])
    talk.says("DE", "WRN", warning(promotes=remark.place.leaf), re=remark)  # of what was said
    withdrawn = talk.says("DE", "WRN", warning(promotes=hits[6].place.leaf), re=hits[6])
    talk.says("DE", "WDR", {"target": withdrawn.place.leaf, "reason": "x"})
    waiting = [hit.place.leaf for hit in hits[1:6]]
    assert [chain.leaf for chain in talk.desk().snapshot(talk.now).hits] == waiting
    assert [one.hit.place.leaf for one in hits_of(talk.messages) if one.open] == waiting


def test_a_task_is_open_until_its_assignee_or_author_ends_it() -> None:
    talk = Talk()
    talk.joins("PL", "ES")
    task = {"task": "Send the manifest.", "assignee": {"administration": "PL"}, "mandatory": True}
    asked = talk.says("FR", "TSK", {**task, "due": START + HOUR, "priority": "priority"})
    talk.wait(hours=2)
    assert overdue(talk) == [("PL", "task", Stage.RECIPIENT)]
    talk.says("ES", "TSK", {**task, "state": "done"}, re=asked)
    assert len(talk.desk().snapshot(talk.now).tasks) == 1
    talk.says("PL", "TSK", {**task, "state": "done"}, re=asked)
    assert talk.desk().snapshot(talk.now).tasks == ()


def test_a_question_is_answered_by_a_final_reply() -> None:
    talk = Talk()
    asked = talk.says("FR", "RFI", {"question": "Who?", "deadline": START + HOUR}, to=["PL"])
    talk.says("PL", "RPL", {"status": "partial", "answer": "soon"}, re=asked)
    talk.wait(hours=2)
    assert overdue(talk) == [("PL", "reply", Stage.RECIPIENT)]
    talk.says("PL", "RPL", {"status": "refused", "ground": "secret"}, re=asked)
    assert overdue(talk) == []


def test_situation_reports_are_owed_for_each_day_and_nil_counts_as_sent() -> None:
    talk = Talk()
    talk.joins("FR", "DE", "PL")
    talk.wait(days=2, hours=7)
    day = {"from": START, "to": START + DAY}
    talk.says("DE", "SIT", {"period": day, "nil": True}, at=START + DAY + HOUR)
    both = {"from": START, "to": START + 2 * DAY}
    talk.says("FR", "SIT", {"period": both, "nil": False}, at=START + 2 * DAY)
    shown = talk.desk().snapshot(talk.now)
    assert [(row.administration, row.missing) for row in shown.nil_due] == [("PL", 2), ("DE", 1)]
    rows = {row.administration: row for row in shown.completeness}
    assert (rows["DE"].total.owed, rows["DE"].total.sent, rows["DE"].nil) == (2, 1, 1)
    assert (rows["FR"].share, rows["PL"].share) == (1.0, 0.0)
    assert rows["FR"].counts[What.SITUATION].late == 0
    assert [row.administration for row in shown.completeness] == ["PL", "DE", "FR"]


def test_who_joins_later_owes_from_the_next_whole_day() -> None:
    talk = Talk()
    talk.wait(days=1, hours=3)
    talk.joins("PL")
    talk.wait(days=1, hours=4)
    assert talk.desk().snapshot(talk.now).nil_due == ()
    talk.wait(days=1)
    assert [row.missing for row in talk.desk().snapshot(talk.now).nil_due] == [1]


def test_nothing_is_owed_after_live_but_what_was_owed_stays() -> None:
    talk = Talk(live_days=2)
    talk.joins("PL")
    talk.wait(days=90)
    assert [row.missing for row in talk.desk().snapshot(talk.now).nil_due] == [2]


def test_a_live_that_ended_early_owes_nothing_on_the_days_that_were_planned_after_it() -> None:
    talk = Talk(live_days=9)
    talk.joins("PL")
    talk.wait(days=2, hours=3)
    talk.winds_down()
    talk.wait(days=30)
    shown = talk.desk().snapshot(talk.now)
    assert [row.missing for row in shown.nil_due] == [2]
    assert [row.total.owed for row in shown.completeness] == [2]


def test_nothing_is_owed_on_days_that_were_over_before_live_began() -> None:
    talk = Talk(live_days=5)
    talk.joins("PL")
    talk.timeline = replace(talk.timeline, begun=START + 2 * DAY + HOUR)
    talk.wait(days=30)
    assert [row.missing for row in talk.desk().snapshot(talk.now).nil_due] == [3]
    talk.timeline = replace(talk.timeline, begun=None)
    assert talk.desk().snapshot(talk.now).nil_due == ()


def test_one_container_in_two_places_at_once_is_a_clone() -> None:
    talk = Talk()
    box = {"mode": "1", "container": "CSQU 305438-3"}
    talk.says("DE", "SZR", seizure(conveyance=box, office="DEHAM", at=START))
    talk.says("FR", "SZR", seizure(conveyance=box, office="FRLEH", at=START + 7 * HOUR))
    assert talk.desk().snapshot(talk.now).clones == ()
    other = {"mode": "1", "container": "CSQU3054383"}
    late = talk.says("ES", "SZR", seizure(conveyance=other, office="ESALG", at=START + HOUR))
    (clone,) = talk.desk().snapshot(talk.now).clones
    assert (clone.number, clone.first[1].place, clone.second[1].place) == (
        "CSQU3054383",
        "DEHAM",
        "ESALG",
    )
    talk.says("ES", "WDR", {"target": late.place.leaf, "reason": "misread"})
    assert talk.desk().snapshot(talk.now).clones == ()


def test_days_only_overlap_between_countries() -> None:
    talk = Talk()
    box = {"mode": "1", "container": "CSQU3054383"}
    talk.says("DE", "SZR", seizure(conveyance=box, office="DEHAM", precision="day"))
    talk.says("DE", "SZR", seizure(conveyance=box, office="DEBRV", precision="day"))
    assert talk.desk().snapshot(talk.now).clones == ()
    talk.says("FR", "SZR", seizure(conveyance=box, office="FRLEH", at=START + 20 * HOUR))
    assert len(talk.desk().snapshot(talk.now).clones) == 1


def test_a_notable_detection_can_name_both_places_itself() -> None:
    talk = Talk()
    spots = [{"place": "DEHAM", "at": START}, {"place": "FRLEH", "at": START + HOUR}]
    found = {"type": "cloned_container", "description": "x", "sightings": spots}
    talk.says("DE", "NDR", {**found, "identifiers": {"container": "CSQU3054383"}})
    assert len(talk.desk().snapshot(talk.now).clones) == 1


def test_contents_of_the_wrong_type_break_nothing() -> None:
    bad: list[Any] = [None, 7, True, b"x", "x", [], [{}], {}, {"at": "x"}, 2**63, -1]
    names = (
        *("subject", "identifiers", "route", "deadline", "due", "answer", "transferred_to"),
        *("outcome", "seizure", "target", "fields", "period", "nil", "assignee", "state"),
        *("conveyance", "goods", "sightings", "at", "office", "triage", "form", "promotes"),
        *("entry", "decision", "use", "expires", "handling", "tlp", "status", "warning"),
    )
    kinds = [*("WRN", "HIT", "ACK", "FBK", "SZR", "TSK", "RFI", "RPL", "SIT"), "COR", "WDR"]
    talk = Talk()
    draw = random.Random(7)  # noqa: S311 - the same bad contents each time
    for n in range(600):
        kind = draw.choice([*kinds, "??"])
        content = {name: draw.choice(bad) for name in draw.sample(names, 12)}
        re = draw.choice(talk.messages) if talk.messages and draw.random() < 0.7 else None
        talk.says(draw.choice(["FR", "DE"]), kind, content, re=re)
        talk.wait(minutes=n % 40)
    assert talk.desk().snapshot(talk.now).totals.entries == 600


def test_entry_by_entry_gives_the_same_desk_as_all_at_once_in_any_order() -> None:
    draw = random.Random(11)  # noqa: S311 - the same talks each time
    for _ in range(20):
        talk = Talk()
        talk.joins("FR", "DE", "PL")
        for _ in range(60):
            answered = draw.choice(talk.messages) if talk.messages else None
            leaf = bytes(32) if answered is None else answered.place.leaf
            kind, content = draw.choice(
                [
                    ("WRN", warning()),
                    ("ACK", ACCEPTED),
                    ("FBK", {"outcome": "no_finding"}),
                    ("FBK", {"outcome": "seizure", "seizure": leaf}),
                    ("SZR", seizure()),
                    ("COR", {"target": leaf, "fields": {"deadline": START}, "reason": "x"}),
                    ("WDR", {"target": leaf, "reason": "x"}),
                    ("SIT", {"nil": True}),
                ]
            )
            mid = draw.choice([None, None, None, b"m" * 16])
            talk.says(
                draw.choice(["FR", "DE", "PL"]), kind, content, re=answered, to=["DE"], mid=mid
            )
            talk.wait(minutes=draw.randrange(90))
        at_once = talk.desk().snapshot(talk.now)
        desk = talk.empty_desk()
        for message in talk.messages:
            desk.take(message)
            desk.snapshot(talk.now)  # settles what this one touched
        assert desk.snapshot(talk.now) == at_once
        desk = talk.empty_desk()
        for message in talk.messages:  # first unreadable, then healed in another order
            desk.take(replace(message, content=None, mid=None, damage=Damage("no_key")))
        desk.snapshot(talk.now)
        for message in talk.messages:
            desk.take(message)
        assert desk.snapshot(talk.now) == at_once
        feed = Feed()
        kept = KeptThreads(feed)
        early, late = talk.empty_desk(kept.refresh()), talk.empty_desk(kept.refresh())
        for message in talk.messages:  # one looks after each, one when all of it is there
            feed.put([message])
            kept.refresh()
            early.note(message)
            early.snapshot(talk.now)
        for message in talk.messages:
            late.note(message)
        assert early.snapshot(talk.now) == late.snapshot(talk.now) == at_once


def test_rows_are_in_the_order_in_which_people_should_look() -> None:
    talk = Talk()
    calm = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=1)
    flash = talk.says("FR", "WRN", warning(), to=["DE"], prio="flash")
    talk.wait(hours=1)
    shown = talk.desk().snapshot(talk.now)
    assert [chain.leaf for chain in shown.warnings] == [flash.place.leaf, calm.place.leaf]
    first: Overdue = shown.overdue[0]
    assert first.chain is not None
    assert first.chain.leaf == flash.place.leaf
    assert shown.stages == {"DE": {Stage.NCP: 1, Stage.OCU: 1}}
