"""Fuzzing: targets that take any bytes, the corpus that they have met, and the runs.

`targets` and `handlers` hold what must be true for whatever comes in, as plain functions of
bytes: pytest replays the corpus on them without the fuzzer. `python -m tests.fuzz` (`make fuzz`)
lets atheris look for more; what it finds becomes a regression test and stays in `corpus`.
"""
