"""Who may call which route: the table (`routes.py`), who calls (`callers.py`), how often (`limit.py`), the guard."""
