"""The append engine and its readers: order, check, keep, prove (DESIGN 2).

One engine for both kinds of log. Refuses to open anything, to know HTTP or sockets, and to
acknowledge what is not durable under a checkpoint. `http` and `push` import it; it imports the
rules of `cencomm_crypto.public` and the port of `store`.
"""
