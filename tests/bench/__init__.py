"""What it must reach, measured side by side with a yardstick in one run.

`python -m tests.bench` prints every line, `python -m tests.bench crypto` some, and writes
nothing; figures worth keeping go into docs/benchmarks.md by hand, with their command. A new
bench is a function that returns rows, named in `tests/bench/__main__.py`.
"""
