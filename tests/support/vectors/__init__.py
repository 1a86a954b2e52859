"""Makes `crypto/vectors/*.json` from the Python implementation: `python -m tests.support.vectors`.

All seeds are fixed, so the same code gives the same bytes. One module per file, or two; each
has a `book()` that gives the file's cases. A case says what goes in, what lies between, and what
comes out or with which code it fails; codes are written here by hand, as PROTOCOL.md says them.
`tests/unit/crypto/test_vectors.py` reads the files without this package.
"""
