"""The device's configuration: sections of values, each with its rule, its default and its unit.

The classes are the one table for reading, writing and checking (config/parse.py). Defaults are safe: a section that
is left out does what config/defaults/terminal.toml shows. Relative paths count from the configuration file's folder;
`config.store` has made them absolute.
"""

from dataclasses import dataclass, field
from typing import Any

from config.limits import PROFILES_MAX
from config.rules import (
    BACKEND,
    BEYOND,
    CODE,
    DEVICE,
    HOSPITAL_LEVEL,
    HOST,
    INSTITUTION,
    KEY_STORE,
    LANGUAGE,
    LINE,
    NAME,
    OPERATOR,
    PLACE,
    READER_PATH,
    STICK_KEY,
    digits,
    flag,
    ruled,
    several,
    whole,
    words,
)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Who the device is. `number` N8, `merchant` N15 as the issuer gave them (docs/cards.md, "Back-office files")."""

    number: str = ruled(digits(8))
    merchant: str = ruled(digits(15))
    data: str = ruled(PLACE, default="/var/lib/smk")


@dataclass(frozen=True, slots=True)
class Reader:
    """The contactless reader. `path` as nfcpy names it; `poll_ms` between two looks into an empty field."""

    path: str = ruled(READER_PATH, default="usb")
    poll_ms: int = ruled(whole(10, 1_000, "毫秒", "milliseconds"), default=40)


@dataclass(frozen=True, slots=True)
class Psam:
    """The PSAM's slot. `reader`: a part of the PC/SC reader's name that no other slot's name has."""

    reader: str = ruled(words(1, 120))


@dataclass(frozen=True, slots=True)
class Cards:
    """Card families that are served, tried in this order; each names a profile of apdu/profiles."""

    profiles: tuple[str, ...] = ruled(several(NAME, 1, PROFILES_MAX), default=("jiaxing", "jiaxing_b", "tunion"))


@dataclass(frozen=True, slots=True)
class Tariff:
    """The tariff pack: a folder, a zip, or "builtin:NAME" for one that came with the program."""

    pack: str = ruled(PLACE)


@dataclass(frozen=True, slots=True)
class Packs:
    """Whose signed packs this device takes. `operator` "" = the city's alone; `place` "" = no place's own.

    `url` where they lie on the network, "" = sticks alone. `development`: unsigned ones too, said on the screen.
    """

    operator: str = ruled(OPERATOR, default="")
    place: str = ruled(OPERATOR, default="")
    url: str = ruled(BACKEND, default="")
    development: bool = ruled(flag(), default=False)


@dataclass(frozen=True, slots=True)
class HotListFile:
    """The issuer's black list; `file` "" = none. What its levels order is the tariff pack's business."""

    file: str = ruled(words(0, 200), default="")


@dataclass(frozen=True, slots=True)
class Sync:
    """The way to the backend. `backend` "" = none: the device keeps its records, or they go by stick.

    `stick_key`: the key that signs answers on a stick, 64 hex digits (smk backend stick-key); "" = none is believed.
    `key`: where the device's own key lies: "" = a file in the data directory, "pkcs11:…" = a token (docs/identity.md).
    """

    backend: str = ruled(BACKEND, default="")
    stick_key: str = ruled(STICK_KEY, default="")
    key: str = ruled(KEY_STORE, default="")


@dataclass(frozen=True, slots=True)
class Limits:
    """Unsent records from which the device warns: their count, their sum, the age of the oldest; and the same for
    taking no more money (`stop_…`), where `beyond` is "stop". "" leaves it to the place: a till stops, a bus serves on.
    """

    unsent_rows: int = ruled(whole(1, 1_000_000), default=10_000)
    unsent_fen: int = ruled(whole(1, 100_000_000, "分", "fen"), default=1_000_000)
    unsent_hours: int = ruled(whole(1, 720, "小时", "hours"), default=72)
    stop_rows: int = ruled(whole(1, 1_000_000), default=20_000)
    stop_fen: int = ruled(whole(1, 100_000_000, "分", "fen"), default=2_000_000)
    stop_hours: int = ruled(whole(1, 2_160, "小时", "hours"), default=144)
    beyond: str = ruled(BEYOND, default="")


@dataclass(frozen=True, slots=True)
class Service:
    """What a tap is booked under while no driver is signed on."""

    line: str = ruled(CODE, default="")
    direction: int = ruled(whole(0, 1), default=0)
    vehicle: str = ruled(CODE, default="")


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty of the roster: this driver's card, signing on, serves this line. No names: `label` is a duty number.

    `order`: the driver's first, second … duty of the day. `vehicle` "" = the device's own.
    """

    card: str = ruled(digits(20))
    line: str = ruled(LINE)
    direction: int = ruled(whole(0, 1), default=0)
    vehicle: str = ruled(CODE, default="")
    order: int = ruled(whole(1, 99), default=1)
    label: str = ruled(words(0, 20), default="")


@dataclass(frozen=True, slots=True)
class Face:
    """Who shows signals. `voice`: command that plays a WAV file ("" = silent). `languages`: the first is spoken."""

    console: bool = ruled(flag(), default=True)
    board: str = ruled(DEVICE, default="")
    voice: str = ruled(words(0, 200), default="")
    languages: tuple[str, ...] = ruled(several(LANGUAGE, 1, 2), default=("zh", "en"))


@dataclass(frozen=True, slots=True)
class Web:
    """The device's own pages and API on 127.0.0.1. `port` 0 = none."""

    port: int = ruled(whole(0, 65_535), default=0)


@dataclass(frozen=True, slots=True)
class Tap:
    """Times of a tap. `away_ms`: how long a card is gone before the next visit counts."""

    repeat_s: int = ruled(whole(1, 60, "秒", "seconds"), default=3)
    restart_repeat_s: int = ruled(whole(1, 600, "秒", "seconds"), default=60)
    away_ms: int = ruled(whole(100, 2_000, "毫秒", "milliseconds"), default=300)


@dataclass(frozen=True, slots=True)
class Hospital:
    """A counter that settles medical insurance. `reader` "" = this device is none.

    `institution` the hospital's code of twelve (fixmedins_code); `keys` the file with the keys of personal data;
    `exposure_fen` what the funds may owe on provisional bills before the counter settles online only.
    """

    reader: str = ruled(words(0, 120), default="")
    chips: tuple[str, ...] = ruled(
        several(NAME, 1, PROFILES_MAX), default=("social_jiaxing", "social_old_medical")
    )
    institution: str = ruled(INSTITUTION, default="")
    level: str = ruled(HOSPITAL_LEVEL, default="9")
    policy: str = ruled(PLACE, default="builtin:jiaxing-demo")
    keys: str = ruled(words(0, 200), default="")
    exposure_fen: int = ruled(whole(0, 100_000_000, "分", "fen"), default=5_000_000)


@dataclass(frozen=True, slots=True)
class Library:
    """A library's counter. `branch` "" = this device is none; `host` "" = there is no library system to ask.

    `profile` names what the system makes of SIP2; `institution` (AO) and `branch` (CP) as the library gave them;
    `password` the file with the account's password; `blocked` the list of blocked readers, "" = none.
    """

    branch: str = ruled(words(0, 32), default="")
    institution: str = ruled(words(0, 32), default="")
    host: str = ruled(HOST, default="")
    port: int = ruled(whole(1, 65_535), default=6001)
    profile: str = ruled(NAME, default="standard")
    user: str = ruled(words(0, 64), default="")
    password: str = ruled(words(0, 200), default="")
    rules: str = ruled(PLACE, default="builtin:jiaxing")
    blocked: str = ruled(words(0, 200), default="")
    keys: str = ruled(words(0, 200), default="")


@dataclass(frozen=True, slots=True)
class Market:
    """A market's till. `stall` "" = this device is none; it stands on receipts.

    What one sale, one card in a day and the till in a day may come to.
    """

    stall: str = ruled(words(0, 32), default="")
    sale_max_fen: int = ruled(whole(1, 100_000, "分", "fen"), default=50_000)
    card_day_fen: int = ruled(whole(1, 10_000_000, "分", "fen"), default=100_000)
    day_max_fen: int = ruled(whole(1, 100_000_000, "分", "fen"), default=5_000_000)


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up counter. `place` "" = this device is none; it stands on receipts. The backend's limits hold besides."""

    place: str = ruled(words(0, 32), default="")
    load_min_fen: int = ruled(whole(1, 100_000, "分", "fen"), default=100)
    load_max_fen: int = ruled(whole(1, 100_000, "分", "fen"), default=50_000)


@dataclass(frozen=True, slots=True)
class Peripherals:
    """Devices on serial lines; each "" = there is none. `columns` of a receipt; `scanner_prefix` marks a scan."""

    printer: str = ruled(DEVICE, default="")
    printer_baud: int = ruled(whole(1_200, 921_600), default=19_200)
    columns: int = ruled(whole(24, 64), default=32)
    display: str = ruled(DEVICE, default="")
    display_baud: int = ruled(whole(1_200, 115_200), default=9_600)
    scanner: str = ruled(DEVICE, default="")
    scanner_baud: int = ruled(whole(1_200, 921_600), default=9_600)
    scanner_prefix: str = ruled(words(0, 4), default="")
    gps: str = ruled(DEVICE, default="")
    gps_baud: int = ruled(whole(1_200, 921_600), default=9_600)
    announcer: str = ruled(DEVICE, default="")
    announcer_baud: int = ruled(whole(1_200, 921_600), default=9_600)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that one device was told to be."""

    terminal: Terminal
    psam: Psam
    tariff: Tariff
    reader: Reader = field(default_factory=Reader)
    cards: Cards = field(default_factory=Cards)
    packs: Packs = field(default_factory=Packs)
    hot_list: HotListFile = field(default_factory=HotListFile)
    sync: Sync = field(default_factory=Sync)
    limits: Limits = field(default_factory=Limits)
    service: Service = field(default_factory=Service)
    face: Face = field(default_factory=Face)
    web: Web = field(default_factory=Web)
    tap: Tap = field(default_factory=Tap)
    hospital: Hospital = field(default_factory=Hospital)
    library: Library = field(default_factory=Library)
    market: Market = field(default_factory=Market)
    topup: TopUp = field(default_factory=TopUp)
    peripherals: Peripherals = field(default_factory=Peripherals)
    duties: tuple[Duty, ...] = ()

    def duties_of(self, card: str) -> tuple[Duty, ...]:
        """The duties of one driver's card (20 digits) in their order; empty: not a driver of this roster."""
        return tuple(sorted((duty for duty in self.duties if duty.card == card), key=lambda duty: duty.order))


SECTIONS: dict[str, type[Any]] = {
    "terminal": Terminal,
    "reader": Reader,
    "psam": Psam,
    "cards": Cards,
    "tariff": Tariff,
    "packs": Packs,
    "hot_list": HotListFile,
    "sync": Sync,
    "limits": Limits,
    "service": Service,
    "face": Face,
    "web": Web,
    "tap": Tap,
    "hospital": Hospital,
    "library": Library,
    "market": Market,
    "topup": TopUp,
    "peripherals": Peripherals,
}
"""The tables of the file, in the order in which they are written."""

SETTINGS = ("cards", "limits", "service", "face", "tap")
"""The tables that signed settings may set, beside the roster: nothing about who the device is or whom it trusts."""

ROSTER = "duty"
"""The array of tables that holds the roster: `[[duty]]`."""
