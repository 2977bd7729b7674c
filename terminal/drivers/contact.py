"""A contact slot through pyscard: the PSAM, powered and opened exclusively once, then kept; or a patient's card.

`smartcard.scard` is pyscard's own layer under its connection objects. It is used directly: each result is a code that
we translate in one place, and an exchange costs less than through CardConnection with its decorator and observers.
pyscard's default would share the chip and switch it off in the end; a PSAM that another program may use, or that
forgets its session, is no PSAM (`docs/cards.md`, "Library facts").
"""

import logging
from typing import Any, NamedTuple, NoReturn

from apdu.errors import LinkLost
from apdu.script import Wire
from terminal.drivers.limits import CHIP_MS_MAX
from terminal.ports import ReaderLost

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What belongs into a slot, in words."""

    zh: str
    en: str


PSAM = Wanted("PSAM 卡", "PSAM")
CITIZEN_CARD = Wanted("市民卡（芯片朝上，插到底）", "citizen card, chip up and first")

NO_SERVICE = "pcscd is not running: start it with `.ci/pcscd start` or `systemctl start pcscd` · PC/SC 服务没有运行"
NO_CHIP = "no chip in the slot: push the {en} in until it clicks · 卡槽里没有{zh}"
MUTE_CHIP = "the chip gives no answer to reset: is it the right way round, is it clean? · 芯片无应答，请检查方向和触点"
IN_USE = "another program holds the slot: end it, the slot belongs to this device alone · 卡槽被其他程序占用"
LOST_CHIP = "the chip no longer answers: push the {en} in until it clicks, or change it · 芯片中断，请插紧或更换{zh}"
NO_READER = "is the reader plugged in, and is its name in the configuration? · 请检查读卡器连线和配置中的名称"


class PcscWire:
    """The chip's wire; fits `apdu.script.Wire`."""

    def __init__(self, scard: Any, handle: Any, protocol: int, wanted: Wanted = PSAM) -> None:
        self._scard = scard
        self._wanted = wanted
        self._handle = handle
        self._send = scard.SCardTransmit
        self.t0 = protocol == scard.SCARD_PROTOCOL_T0
        self._header = scard.SCARD_PCI_T0 if self.t0 else scard.SCARD_PCI_T1

    def transmit(self, raw: bytes) -> bytes:
        """Exchange one APDU (T=0: as it is, 61xx is the caller's to follow). Raises LinkLost.

        Every trouble of PC/SC means a new slot: after an error the chip may have been reset and has lost its session.
        """
        result, answer = self._send(self._handle, self._header, list(raw))
        if result:
            raise LinkLost(f"PC/SC: {_told(self._scard, result, self._wanted)}")
        if not answer:  # vpcd reports a chip that is pulled out in the middle as an empty answer
            raise LinkLost(LOST_CHIP.format_map(self._wanted._asdict()))
        return bytes(answer)


class Slot:
    """An open contact slot; fits `terminal.ports.ContactSlot`."""

    def __init__(self, scard: Any, context: Any, handle: Any, name: str, protocol: int, wanted: Wanted = PSAM) -> None:
        self._scard = scard
        self._context = context
        self._handle = handle
        self.name = name
        self.wire: Wire = PcscWire(scard, handle, protocol, wanted)

    def close(self) -> None:
        """Leave the chip powered, give the slot back. A slot whose service is gone closes as well."""
        for call, arguments in (
            (self._scard.SCardDisconnect, (self._handle, self._scard.SCARD_LEAVE_CARD)),
            (self._scard.SCardReleaseContext, (self._context,)),
        ):
            if result := call(*arguments):
                log.info("closing %s: %s", self.name, self._scard.SCardGetErrorMessage(result))


def open_slot(name_part: str, exclusive: bool = True, wanted: Wanted = PSAM) -> Slot:
    """Open the first slot whose reader's name contains `name_part`, and power its chip, by T=0 or else T=1.

    A context of its own for each slot: after a restart of pcscd a new call works, whatever became of the old slot.
    Raises ReaderLost with what to do, and with the readers that there are when none has that name. pyscard is
    imported here.
    """
    import smartcard.scard as scard

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result:
        _fail(scard, name_part, result, wanted)
    try:
        result, readers = scard.SCardListReaders(context, [])
        if result not in (0, scard.SCARD_E_NO_READERS_AVAILABLE):
            _fail(scard, name_part, result, wanted)
        name = next((reader for reader in readers or () if name_part in reader), "")
        if not name:
            present = ", ".join(readers or ()) or "none · 无"
            raise ReaderLost(f"no contact reader is named {name_part!r}; there are: {present}; {NO_READER}")
        share = scard.SCARD_SHARE_EXCLUSIVE if exclusive else scard.SCARD_SHARE_SHARED
        # A chip that was just powered is seen some 400 ms late: wait for it, not for the next try of the caller.
        scard.SCardGetStatusChange(context, CHIP_MS_MAX, [(name, scard.SCARD_STATE_EMPTY)])
        result, handle, protocol = scard.SCardConnect(context, name, share, scard.SCARD_PROTOCOL_T0)
        if result == scard.SCARD_E_PROTO_MISMATCH:
            result, handle, protocol = scard.SCardConnect(context, name, share, scard.SCARD_PROTOCOL_T1)
        if result:
            _fail(scard, name, result, wanted)
        return Slot(scard, context, handle, name, protocol, wanted)
    except BaseException:
        scard.SCardReleaseContext(context)
        raise


def _fail(scard: Any, name: str, result: int, wanted: Wanted) -> NoReturn:
    raise ReaderLost(f"contact slot {name!r}: {_told(scard, result, wanted)}")


def _told(scard: Any, result: int, wanted: Wanted) -> str:
    """What PC/SC calls it, and what to do."""
    advice = {
        scard.SCARD_E_NO_SERVICE: NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED: NO_SERVICE,
        scard.SCARD_E_NO_SMARTCARD: NO_CHIP,
        scard.SCARD_W_REMOVED_CARD: NO_CHIP,
        scard.SCARD_W_UNPOWERED_CARD: MUTE_CHIP,
        scard.SCARD_W_UNRESPONSIVE_CARD: MUTE_CHIP,
        scard.SCARD_W_UNSUPPORTED_CARD: MUTE_CHIP,
        scard.SCARD_E_SHARING_VIOLATION: IN_USE,
        # A chip that goes between pcscd's look and ours: it is seen as there, and the exchange fails.
        scard.SCARD_E_NOT_TRANSACTED: LOST_CHIP,
        scard.SCARD_F_COMM_ERROR: LOST_CHIP,
        scard.SCARD_W_RESET_CARD: LOST_CHIP,
    }.get(result, NO_READER).format_map(wanted._asdict())
    return f"{scard.SCardGetErrorMessage(result)}; {advice}"
