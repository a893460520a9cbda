"""What may be known of a customer on a date, one family a file, each feature described in the catalogue."""
