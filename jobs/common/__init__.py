"""What all of the durable work shares and that knows no table: errors, ids, times, tasks."""
