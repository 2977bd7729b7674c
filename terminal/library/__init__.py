"""A library's counter: lend, return, renew, take fees, with the library's own system or without it."""
