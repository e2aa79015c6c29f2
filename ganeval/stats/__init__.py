"""How sure a number is: pure float64 functions of rows and summaries. Nothing here knows a metric or a file."""
