"""Kinds of messages that this version treats specially, and words of their envelope."""

SEIZURE = "SZR"
CORRECTION = "COR"  # content: target (leaf hash), fields (new values of top-level fields), reason
WITHDRAWAL = "WDR"  # content: target (leaf hash), reason
TASK = "TSK"  # content: assignee, due, mandatory
FEEDBACK = "FBK"  # with `re`: what was done about a warning or a task
REPLY = "RPL"  # with `re`; content: state, of which partial does not close
CONTROLLED_DELIVERY = "CDN"  # in directed channels alone
PRECEDENCE = ("routine", "priority", "immediate", "flash")
