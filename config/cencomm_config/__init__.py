"""What server and clients share beside the protocol: settings, codes, sentences, display, forms.

Refuses to know either side: it opens no socket, no log and no key. Imported by `cencomm_server` and
`cencomm_client`; imports only `cencomm_crypto`.
"""
