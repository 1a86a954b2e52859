"""Push: what is committed, sent once to every live socket that may see it (DESIGN 2, 9, 10).

Refuses to be the truth: a frame that does not fit into a socket's bound becomes a `head` notice,
and the client pulls by cursor. `app` may import it; it imports `engine`, never `http` or `store`.
"""
