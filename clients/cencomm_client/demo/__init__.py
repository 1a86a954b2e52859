"""The demonstration: a short joint operation, for real, on processes of their own.

`python -m cencomm_client.demo` starts the server, one process per participant, plays the
operation, draws it, and judges every claim by what another process observed. Refuses to fake:
no clock is set, no result is written by hand. Imported by nobody.
"""
