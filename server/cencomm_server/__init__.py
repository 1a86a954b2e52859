"""The server: orders, keeps, delivers, lets in. The command is `cencomm-server`.

Refuses to open what it carries: it never imports `cencomm_crypto.member`, nor a client. `routes`,
`events` and the settings are each on one page; `app` alone knows every concrete part.
"""
