"""The contactless reader through nfcpy: its drivers find the card, `isodep` speaks with it over `clf.exchange`.

nfcpy's Type4ATag is not used: its constructor sends RATS itself and reads the ATS at fixed places, and all that it
would add is `tag.ndef`, which selects an application behind our back. Own polling with `sense` replaces `connect`,
which sleeps in between and returns False for three different troubles.

What a caller lives with (`docs/cards.md`, "Library facts"):

* One thread. nfcpy holds a lock during each call, and the field has one session.
* Open once and keep: an ACR122U mostly does not wake up after a close. Close at the end all the same, in `finally`:
  a PN532 that was left in the middle of a command stays mute.
* Each `poll` switches the field off and on, so that every card in it forgets its session. DESELECT is therefore not
  sent after the verdict: it would halt the card, and R(NAK) could no longer tell whether it is still there. It is sent
  when the reader closes over a card, since some readers leave their field on.
* A simulated field (`udp:`) answers at once even when it is empty; a dead one costs 1 s, then ReaderLost.
"""

import errno
import logging
import time
from typing import Any

from apdu.errors import LinkLost, Malformed
from apdu.script import Wire
from terminal.drivers.isodep import IsoDep, frame_size, parse_ats
from terminal.drivers.limits import ACTIVATIONS, ATS_S_MAX, FIELD_S_MAX
from terminal.ports import Card, Medium, ReaderLost

log = logging.getLogger(__name__)

SAK_ISO_DEP = 0x20
RATS = {256: b"\xe0\x80", 128: b"\xe0\x70"}  # by the frame size that we take: FSDI 8 or 7; CID 0

ADVICE = {
    errno.ENODEV: "no such reader: is it plugged in, is the path right? If Linux' own driver holds it: "
    "modprobe -r pn533_usb · 找不到读卡器，请检查连线和 path 配置",
    errno.EACCES: "no right to use it: add a udev rule, or the user to plugdev and dialout · 没有使用读卡器的权限",
    errno.EBUSY: "another program or the kernel's pn533_usb holds it · 读卡器被其他程序占用",
}
UNPLUGGED = "check its cable and power; it is opened again · 读卡器无响应，请检查连线和电源"
BAD_PATH = "nfcpy cannot use this path; a udp port is a number without a name in /etc/services · path 配置不可用"
DEAD_FIELD = "no simulated field answers there: start one with `smk virtual` · 模拟卡场没有运行"


def usb_readers() -> list[tuple[int, int]]:
    """USB vendor and product of each reader that nfcpy has a driver for."""
    from nfc.clf.device import usb_device_map

    return sorted(usb_device_map)


class NoWire:
    """The wire of a card that speaks no APDUs."""

    t0 = False

    def __init__(self, why: str) -> None:
        self._why = why

    def transmit(self, raw: bytes) -> bytes:
        """Raises LinkLost, always."""
        raise LinkLost(self._why)


class CpuCard:
    """An activated card that speaks APDUs."""

    medium = Medium.ISO_DEP

    def __init__(self, uid: bytes, session: IsoDep) -> None:
        self.uid = uid
        self.session = session
        self.wire: Wire = session

    def present(self) -> bool:
        """Whether the card still answers; one frame, at most 300 ms."""
        return self.session.present()


class OtherCard:
    """What cannot be talked to: a storage card, or something that does not let itself be activated."""

    def __init__(self, uid: bytes, medium: Medium, reader: "Reader", why: str) -> None:
        self.uid = uid
        self.medium = medium
        self.wire: Wire = NoWire(why)
        self._reader = reader

    def present(self) -> bool:
        """Whether anything answers in the field: a new search, since such a card takes no presence check."""
        return self._reader.anybody(self)


class Reader:
    """An open contactless reader; fits `terminal.ports.ContactlessReader`."""

    def __init__(self, nfc: Any, frontend: Any, path: str) -> None:
        self.name = str(frontend.device)
        self._nfc = nfc
        self._frontend = frontend
        self._simulated = path.startswith("udp")
        self._wanted = nfc.clf.RemoteTarget("106A")
        self._card: CpuCard | OtherCard | None = None
        self._broken = ""

    def poll(self) -> Card | None:
        """Look once for a card, some 30 ms; None: nobody there. The card of the last poll is forgotten.

        Raises ReaderLost, also when the device broke in an exchange since the last poll.
        """
        if isinstance(self._card, CpuCard):
            self._card.session.end("the reader has looked for another card since")
        self._card = None
        for _ in range(ACTIVATIONS):
            self._card = self._look()
            if self._card is None or self._card.medium is not Medium.UNCLEAR:
                break
        return self._card

    def anybody(self, asking: OtherCard) -> bool:
        """Whether anything answers in the field, as long as `asking` is the card of the last poll."""
        try:
            return self._card is asking and self._sense() is not None
        except Malformed:
            return True
        except ReaderLost as lost:
            self._broken = str(lost)
            return False

    def close(self) -> None:
        """Deselect a card that is still there, field off, device released."""
        if isinstance(self._card, CpuCard):
            self._card.session.deselect()
        self._card = None
        try:
            self._frontend.close()
        except Exception as error:  # a broken device trips nfcpy's drivers in many ways, and it is given up anyway
            log.info("closing %s: %r", self.name, error)

    def _look(self) -> CpuCard | OtherCard | None:
        try:
            target = self._sense()
        except Malformed as trouble:
            return OtherCard(b"", Medium.UNCLEAR, self, str(trouble))
        return None if target is None else self._activate(target)

    def _sense(self) -> Any:
        if self._broken:
            raise ReaderLost(self._broken)
        started = time.monotonic()
        try:
            target = self._frontend.sense(self._wanted, iterations=1)
        except OSError as error:
            raise ReaderLost(f"{self.name}: {error}; {UNPLUGGED}") from error
        except Exception as error:  # drivers index into what the field sent, and have error classes of their own
            raise Malformed(f"anticollision failed, {error!r}") from error
        if target is None and self._simulated and time.monotonic() - started > FIELD_S_MAX:
            raise ReaderLost(f"{self.name}: {DEAD_FIELD}")
        return target

    def _activate(self, target: Any) -> CpuCard | OtherCard:
        uid = bytes(target.sdd_res or (target.rid_res or b"")[2:6])
        if not target.sel_res and not target.rid_res:
            return OtherCard(uid, Medium.UNCLEAR, self, "no answer to SELECT")
        if not target.sel_res or not target.sel_res[0] & SAK_ISO_DEP:
            return OtherCard(uid, Medium.STORAGE, self, "a storage card speaks no APDUs")
        try:
            rats = RATS[frame_size(max(self._frontend.max_recv_data_size, 128))]
            ats = parse_ats(self._air(rats, ATS_S_MAX) or b"")
            send_max = self._frontend.max_send_data_size
        except (LinkLost, Malformed) as trouble:
            if self._broken:
                raise ReaderLost(self._broken) from trouble
            return OtherCard(uid, Medium.UNCLEAR, self, f"activation failed, {trouble}")
        if ats.guard_s:
            time.sleep(ats.guard_s)
        return CpuCard(uid, IsoDep(self._air, ats, send_max))

    def _air(self, frame: bytes, wait_s: float) -> bytes | None:
        try:
            answer: bytes | None = self._frontend.exchange(frame, wait_s)
        except self._nfc.clf.TimeoutError:
            return None
        except self._nfc.clf.TransmissionError:
            return b""
        except OSError as error:
            self._broken = f"{self.name}: {error}; {UNPLUGGED}"
            raise LinkLost(self._broken) from error
        except Exception as error:  # BrokenLinkError (the card said goodbye), or what a driver stumbled on
            raise LinkLost(f"the link broke, {error!r}") from error
        if answer is None:
            raise LinkLost("the field is off")
        return answer


def open_reader(path: str) -> Reader:
    """Open the reader at nfcpy's `path`: "usb", "usb:054c:06c3", "tty:USB0:pn532", "udp:127.0.0.1:54321".

    Raises ReaderLost with what to do. nfcpy is imported here: 70 ms that nobody else needs to pay.
    """
    if not path:
        raise ReaderLost(f"no path of a contactless reader is configured; {ADVICE[errno.ENODEV]}")
    import nfc
    import nfc.clf

    try:
        return Reader(nfc, nfc.ContactlessFrontend(path), path)
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, UNPLUGGED)
        raise ReaderLost(f"contactless reader {path!r}: {error}; {advice}") from error
    except ValueError as error:  # its udp: driver looks up the port's service name and wants a number back
        raise ReaderLost(f"contactless reader {path!r}: {error}; {BAD_PATH}") from error
    except Exception as error:  # no libusb, a device that answers nonsense
        raise ReaderLost(f"contactless reader {path!r}: {error!r}; {ADVICE[errno.ENODEV]}") from error
