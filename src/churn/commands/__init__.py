"""Commands that are no stages: each parses its own words and composes what the stages are made of."""
