"""The root ceremonies, away from the server: key files, drafts, signatures, publishing.

Refuses to sign two bodies under one serial, to sign for another root or directory than the key
file's, and to publish with too few signatures. Importable by the command line and by tests; it
imports nothing of sessions or operations.
"""
