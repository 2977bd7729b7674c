"""A till's printer and customer display: each may be absent; nothing that they do undoes a deal."""

from config.model import Peripherals
from terminal.receipt import Receipt
from terminal.till.deal import Deal
from terminal.till.slips import display


class Outside:
    """Opened as configured; a device that is not there is passed over."""

    def __init__(self, peripherals: Peripherals) -> None:
        from terminal.drivers.display import CustomerDisplay
        from terminal.drivers.printer import ReceiptPrinter

        self._printer = (
            ReceiptPrinter(peripherals.printer, peripherals.printer_baud, peripherals.columns)
            if peripherals.printer
            else None
        )
        self._display = CustomerDisplay(peripherals.display, peripherals.display_baud) if peripherals.display else None

    def show(self, deal: Deal | None) -> None:
        """Tell the customer how the deal stands; None: nobody stands there."""
        if self._display is not None:
            self._display.show(*display(deal))

    def print(self, receipt: Receipt, copy: bool = False) -> bool:
        """Leave a receipt to be printed. False: no printer, or too many wait; the deal stands all the same."""
        return self._printer is not None and self._printer.print(receipt, copy)

    def close(self) -> None:
        """Print what can be printed at once, dark."""
        for device in (self._printer, self._display):
            if device is not None:
                device.close()
