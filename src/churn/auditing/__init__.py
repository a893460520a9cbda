"""Proofs that no feature looks ahead, and alarms: what was known on a date, other futures for it, and what differs."""
