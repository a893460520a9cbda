"""Raw tables to typed, renamed, deduplicated, checked ones; no joins beyond the id check, no aggregates."""
