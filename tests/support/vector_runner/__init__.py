"""Runs the cases of `crypto/vectors/*.json` through the public functions of `cencomm_crypto`.

Knows nothing of how the files are made, so that an implementation in another language can mirror
it: one function per `op`, which takes a case's inputs and gives what came out and lay between.
"""
