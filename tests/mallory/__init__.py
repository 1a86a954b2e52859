"""Mallory: every row of ATTACKS.md against the real server and the real client.

`harness` is the stage, `hostile` holds behaviours that several rows share, `test_aNN_*` one row
each. A test plays its scene twice: first honest, where nothing may alarm, then with one behaviour
changed, where the victim must notice, show nothing false, and name the row.
"""
