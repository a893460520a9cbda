"""The work that ways of building features are measured by, and the ways."""
