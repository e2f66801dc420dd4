"""Moving bytes: the queue, the transfers, the bulk jobs, and the process that owns them."""
