"""Read models: pure `apply` functions, the SQL that keeps their rows, and the queries over them."""
