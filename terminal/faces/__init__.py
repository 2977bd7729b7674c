"""Who shows signals to riders and drivers: the table of signals, the console, the voice files, several faces as one."""
