"""A day at the library's desk, at the market's till and at the top-up desk, on their pages: `smk demo-counter`."""
