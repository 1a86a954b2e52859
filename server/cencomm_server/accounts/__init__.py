"""Lets people and bots in: accounts, login, sessions, invitations and what waits to be enrolled.

Refuses to order or open anything: a session says which device speaks, the log's rules say what it
may do. Knows the store through narrow ports and the directory through its state. Imported by
`http`, `app` and, for the live socket's callable, by nobody else.
"""
