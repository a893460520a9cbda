"""From a fitted bundle to the scores of a date and the list a team works from."""
