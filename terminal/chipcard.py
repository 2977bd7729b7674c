"""A patient's contact chip: put in, looked at, taken out. What was read leaves as a value; the wire stays here."""

from collections.abc import Callable, Sequence

from apdu.errors import ApduError
from apdu.script import Slot, run
from apdu.social.profile import Profile
from apdu.social.read import Chip, read_free, read_protected, select
from apdu.social.verify import PinBlocked, PinWrong, fits
from terminal.ports import ContactSlot


class NotServed(Exception):
    """A card that this counter cannot serve, in two languages; the message never names its holder."""

    def __init__(self, reason: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} · {en}")
        self.reason = reason
        self.zh = zh
        self.en = en


class BadPin(NotServed):
    """The PIN was not accepted; the card may be tried again while tries are left."""


NO_FUNCTION = (
    "no_social_function",
    "此卡没有社会保障功能（城市通卡不能用于医保结算），请出示社会保障·市民卡",
    "this card has no social-security function (a city-pass card cannot settle medical insurance): ask for the other",
)


def read_card(slot: ContactSlot, profiles: Sequence[Profile], pin: str = "") -> Chip:
    """Read the chip in `slot`, with `pin` what lies behind it too.

    Raises NotServed (no social function, PIN not possible, wrong or blocked) and ApduError.
    """
    wires = {Slot.CARD: slot.wire}
    profile = run(select(profiles), wires, _hold_nothing)
    if profile is None:
        raise NotServed(*NO_FUNCTION)
    free = run(read_free(profile), wires, _hold_nothing)
    if not pin or not profile.pin_digits:
        return free
    if not fits(profile, pin):
        digits = profile.pin_digits
        raise BadPin("pin_impossible", f"密码须为 {digits} 位数字", f"the PIN has {digits} digits")
    behind = run(read_protected(profile, pin), wires, _hold_nothing)
    match behind:
        case PinWrong(left):
            zh, en = f"密码错误，还可试 {left} 次", f"wrong PIN, {left} tries left"
            if left == 1:
                zh, en = f"{zh}，再错即锁卡", f"{en}: another wrong one blocks the card"
            raise BadPin("pin_wrong", zh, en)
        case PinBlocked():
            zh, en = "密码已锁，请到发卡窗口解锁", "the PIN is blocked: the issuer's counter unblocks it"
            raise BadPin("pin_blocked", zh, en)
        case Chip():
            return free.joined(behind)


def read_in(open_slot: Callable[[], ContactSlot], profiles: Sequence[Profile], pin: str = "") -> Chip:
    """Open the slot, read, give the slot back; a chip that fell silent once is powered again and read anew.

    Raises ReaderLost, NotServed, ApduError.
    """
    try:
        return _once(open_slot, profiles, pin)
    except ApduError:
        if pin:  # a try may have been used: the clerk decides
            raise
        return _once(open_slot, profiles, pin)


def _once(open_slot: Callable[[], ContactSlot], profiles: Sequence[Profile], pin: str) -> Chip:
    slot = open_slot()
    try:
        return read_card(slot, profiles, pin)
    finally:
        slot.close()


def _hold_nothing(draft: object) -> None:
    raise AssertionError(f"a look at a chip holds nothing, not {type(draft).__name__}")
