"""The whole device on the real stacks: nfcpy over `udp:`, pyscard over pcscd, simulated chips in their own process."""
