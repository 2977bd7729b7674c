"""What a change of rules would do, before it does it: the same cases under two packs. For the office, not for a tap."""
