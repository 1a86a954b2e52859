"""Both tables of rights, cell by cell (PROTOCOL 12)."""
