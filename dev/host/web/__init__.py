"""HTTP triggers: which function is meant (`routes`), who may call (`access`), the answer (`front`)."""
