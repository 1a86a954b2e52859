"""Kinds of messages that this version treats specially, and words of their envelope."""

WARNING = "WRN"
SEIZURE = "SZR"
CORRECTION = "COR"  # content: target (leaf hash), fields (new values of top-level fields), reason
WITHDRAWAL = "WDR"  # content: target (leaf hash), reason
TASK = "TSK"  # content: assignee {administration or role}, mandatory, state; with `re`: its end
REPLY = "RPL"  # content: status, of which partial ends nothing
CONTROLLED_DELIVERY = "CDN"  # in directed channels alone
PRECEDENCE = ("routine", "priority", "immediate", "flash")
