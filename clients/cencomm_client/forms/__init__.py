"""Typed forms of a message's content: what a field may hold, and sentences for what it may not.

Refuses to guess: a value is right, or it is named with what was read and what is expected.
No I/O. Importable by the SDK, the command line and the exchange with CEN.
"""
