"""Who and what moves: commuters, rail passengers, background traffic, all drawn from the demand seed."""
