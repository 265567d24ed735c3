"""The provisioning log: what was changed, by whom, and what was refused, and why."""
