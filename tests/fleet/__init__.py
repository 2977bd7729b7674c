"""A city's terminals simulated against real collectors and a real PostgreSQL (docs/city.md, "The fleet")."""
