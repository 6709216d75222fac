"""Many scans: a ledger in the database, engines that run them, and the hash that says a case is done."""
