"""What comes with the program: the sample configuration and the built-in tariff packs."""
