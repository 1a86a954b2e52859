"""HTTP/1.1: parses a request once, asks one service, writes the answer.

Refuses to decide anything: services decide and raise, one middleware turns what they raise into
`{"code", "detail"}`. Routes stand in `cencomm_server.routes`. Imported by `routes` and `app`.
"""
