"""What at least two services use today. No noun of the trade, and importing it does nothing."""
