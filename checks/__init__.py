"""What ``make check`` runs beside ruff and mypy. Each check runs alone too: ``python -m checks.sizes``.

A check is a function from a folder to a list of faults, one line each, empty where all is well.
"""
