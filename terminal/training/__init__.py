"""Training: the counter's own pages over simulated cards, chips and a simulated library system; nothing is real."""
