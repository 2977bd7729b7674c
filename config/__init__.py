"""What the box was told to be: its configuration, the hot list, the files it was given and their last good copies."""
