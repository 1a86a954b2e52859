"""The CENcomm protocol: what servers, members and auditors agree on, byte for byte.

Pure: no sockets, files, clocks, randomness or logs; time and random bytes are arguments.
Two halves, of which this package imports neither: `public`, what anybody may compute (the
server too), and `member`, what only somebody who holds an epoch secret may compute.
"""
