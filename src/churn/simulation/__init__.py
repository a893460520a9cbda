"""A company whose truth is known: every contract table, and apart from them the probabilities that made them."""
