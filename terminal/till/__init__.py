"""A till: a market's sales, a library's fees, top-ups. One card at a time, one deal at a time."""
