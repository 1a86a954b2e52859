"""What a client does by itself while an operation is live: rotate, sync, heal, close, reveal.

Each module decides and does nothing: verified state in, actions that are due out, no I/O, no
clock, no randomness of its own. `runner` alone acts. Imported by the SDK only.
"""
