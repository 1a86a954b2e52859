"""Kinds of messages that this version treats specially, and words of their envelope."""

SEIZURE = "SZR"
CORRECTION = "COR"  # content: target (leaf hash), fields (new values of top-level fields), reason
WITHDRAWAL = "WDR"  # content: target (leaf hash), reason
PRECEDENCE = ("routine", "priority", "immediate", "flash")
