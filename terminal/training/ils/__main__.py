"""Run the simulated library system, to try the counter on: python -m terminal.training.ils [PORT]."""

import sys

from terminal.training.ils.answers import city
from terminal.training.ils.server import Server

if __name__ == "__main__":
    server = Server(city(), port=int(sys.argv[1]) if len(sys.argv) > 1 else 6001)
    print(f"模拟图书馆系统 · a simulated library system on 127.0.0.1:{server.port}; user desk, password secret")
    for number, borrower in server.shelf.borrowers.items():
        print(f"  reader {number} {borrower.name}")
    for code, book in server.shelf.books.items():
        print(f"  item   {code} {book.title}")
    server.serve_forever()
