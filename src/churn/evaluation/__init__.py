"""How good a ranking and its probabilities are, with intervals over customers."""
