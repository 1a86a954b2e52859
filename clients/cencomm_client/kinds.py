"""Kinds of messages that this version treats specially; all others are carried as they are."""

CORRECTION = "COR"  # content: target (leaf hash), fields (new values of top-level fields), reason
WITHDRAWAL = "WDR"  # content: target (leaf hash), reason
CONTROLLED_DELIVERY = "CDN"  # in directed channels alone
