"""What several test folders share: builders that make real, signed logs from fixed seeds.

Refuses to imitate: everything here goes through the code that the product runs.
"""
