"""Every parser under any bytes: a value or that parser's own error, in bounded time and memory."""
