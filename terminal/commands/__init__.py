"""The commands of `smk`, one module for each kind of user's work."""
