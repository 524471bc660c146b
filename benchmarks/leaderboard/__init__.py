"""The leaderboard: every method on the embedded world, against its truth, from committed records."""
