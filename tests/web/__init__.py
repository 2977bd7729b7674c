"""Tests of the web face: a validator in this process with its pages served, a client of the API, and a browser."""
