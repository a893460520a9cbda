"""From a model to contributions, causes and reasons in words."""
