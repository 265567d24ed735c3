"""docs/performance.md and its charts, made of what the benches have written; `__main__.py` has the command.

Nobody types a figure: a test compares the page with the files in `bench/results/`.
"""
