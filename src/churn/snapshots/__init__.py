"""Who is asked about, on which dates, with which outcome, and in which part of the split."""
