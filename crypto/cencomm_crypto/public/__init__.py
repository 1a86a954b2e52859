"""What anybody may compute: bytes, keys, entries, trees, notes and the two rule sets.

Refuses to hold or derive any key that opens content. Importable by every part; never
imports `cencomm_crypto.member` (import-linter holds this).
"""
