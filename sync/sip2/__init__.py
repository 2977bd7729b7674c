"""An own SIP2 2.00 client for libraries (docs/library.md): messages, frames, conversation. No I/O."""
