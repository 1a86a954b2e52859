"""The work of an operation as a projection: chains, clocks, the desk, search, reminders.

Pure folds over opened messages; time is passed in, nothing is kept. Refuses to count an entry
that is doubtful, and to let one administration change what another said. For the command and
for programs; imports no transport.
"""
