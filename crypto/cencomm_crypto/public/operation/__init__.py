"""An operation: members, channels, epochs and decisions, as one signed log makes them.

`rules.apply_operation` is the only way to a `state.OperationState`; both are pure. Refuses to
know epoch secrets, clocks, storage or who asks. Importable by everybody; imports `public` alone.
"""
