"""Where links, journal, waiters, parked records, correlations and watermarks are kept: Azure Table Storage."""
