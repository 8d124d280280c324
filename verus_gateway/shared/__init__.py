"""What several instances share: answers, the tip, the breaker, counts and small values."""
