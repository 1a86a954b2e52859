"""The directory: administrations, persons, devices and roles, as one signed log makes them.

`rules.apply_directory` is the only way to a `state.DirectoryState`; both are pure. Refuses to
know names, clocks, storage or who asks. Importable by everybody; imports `public` alone.
"""
