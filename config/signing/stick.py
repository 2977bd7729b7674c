"""The repository copied to a stick: the same layout, with a timestamp that lasts for the way of a stick."""

from datetime import datetime
from pathlib import Path

from config.durable import replace_durably, telling
from config.files import read_file
from config.limits import SIGNED_BYTES_MAX
from config.signing.office import NETWORK_DAYS, Office


def write_stick(office: Office, to: Path, days: int) -> tuple[int, datetime]:
    """Write all that is offered below `to`; gives the number of files, and when the stick ends. Raises ConfigError.

    The stick's timestamp bears a number of its own: a device that was on the network yesterday takes the stick today,
    and the network again tomorrow. `timestamp.json` is written last, so that a stick pulled out too early is not whole.
    """
    office.timestamp_days = days
    office.do_timestamp(force=True)
    written = 0
    for name in office.files():
        with telling(to / name, "未能写入介质", "the stick could not be written"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            replace_durably(to / name, read_file(office.folder / name, SIGNED_BYTES_MAX))
        written += 1
    ends = office.timestamp().expires
    office.timestamp_days = NETWORK_DAYS
    office.do_timestamp(force=True)
    return written, ends
