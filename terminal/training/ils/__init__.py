"""A library system to test against: a second implementation of SIP2, on a real TCP socket. Imports nothing of ours."""
