"""What the pages of a counter stand on: its readers, who stands there, and in training the tray of cards."""
