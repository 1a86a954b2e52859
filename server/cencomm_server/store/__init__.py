"""Where the server keeps what it was given: entries, checkpoints, wraps, accounts, sessions.

Judges nothing and knows no protocol: bytes in, the same bytes out, unique keys and compare-and-set.
Services see `port`; `app.py` alone picks an implementation; only `mongo` imports a database driver.
"""
