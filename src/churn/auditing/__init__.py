"""Proofs that no feature looks ahead: the company as it was known on a date, other futures for it, and what differs."""
