"""The root ceremonies, away from the server: key files, drafts, signatures, publishing.

Refuses to sign one serial twice and to hold a root key on a server. Importable by the command
line and by tests; it imports nothing of sessions or operations.
"""
