"""What only holders of an epoch secret compute: epochs, wraps, messages, drops, escrow.

Refuses to draw randomness or read a clock: both are arguments. Importable by clients only;
the server never imports it (import-linter holds this).
"""
