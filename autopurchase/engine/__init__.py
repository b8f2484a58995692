"""The durable engine: queue, schedules and worker. Only this package imports `dbos`; the ledger stays the truth."""
