"""The queue on the screen: what the engine tells, the transfers, the totals, the bulk jobs."""
