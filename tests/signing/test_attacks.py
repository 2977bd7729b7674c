"""Each attack of docs/signing.md's table is refused, and leaves the device as it was."""

import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import Updater

from config.durable import zipped
from config.errors import ConfigError
from config.limits import ROOT_BYTES_MAX
from config.model import Configuration
from config.signing import trust
from config.signing.contents import Entry
from config.signing.fetch import StickFetcher
from config.signing.keys import KeyRing
from config.timefloor import ClockQuestion
from terminal import packs, signed
from tests.signing.offices import DAY, NOW, PASSPHRASE, OfficeRoom, device, pack_of, refusal, take

JANUARY = date(2027, 1, 1)


def metadata(stick: Path) -> Path:
    return stick / "smk" / "metadata"


def pack_file(stick: Path) -> Path:
    [found] = (stick / "smk" / "targets").rglob("*.jiaxing-2026.12.zip")
    return found


# rollback


def test_a_stick_older_than_what_was_taken_is_refused(office: OfficeRoom, bus: Configuration) -> None:
    office.publish("jiaxing-2027.1", JANUARY)
    take(bus, office.stick("second"))
    assert "older than what was taken" in refusal(bus, office.folder / "usb")


def test_an_older_list_of_the_operator_under_a_new_timestamp_is_refused(office: OfficeRoom, bus: Configuration) -> None:
    """Whoever holds snapshot and timestamp keys, which lie on a machine with a network, still cannot roll back."""
    office.publish("jiaxing-2027.1", JANUARY)
    take(bus, office.stick("second"))
    made = office.office()
    with made.edit_snapshot() as snapshot:
        snapshot.meta["bus.json"].version -= 1
    made.do_timestamp(force=True)
    assert "older than what was taken" in refusal(bus, office.repository)


def test_two_loaders_at_once_do_not_forget_what_one_of_them_has_seen(
    office: OfficeRoom, bus: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer's, which a slow address holds, and a technician's stick."""
    old = office.folder / "usb"
    office.publish("jiaxing-2027.1", JANUARY)
    newer, refresh, said = office.stick("second"), Updater.refresh, list[str]()

    def slowly(updater: Updater) -> None:
        refresh(updater)
        if not said:
            said.append("")
            try:
                take(bus, newer)
            except ConfigError as refused:
                said.append(refused.en)

    with monkeypatch.context() as patch:
        patch.setattr(Updater, "refresh", slowly)
        patch.setattr(trust, "TRUST_LOCK_S", 0.05)
        take(bus, old)
    assert said == ["", "nothing can be loaded now: another program is loading"]
    take(bus, newer)
    assert "older than what was taken" in refusal(bus, old)


# freeze


def test_a_stick_past_its_end_is_refused_and_what_is_in_force_stays(office: OfficeRoom, bus: Configuration) -> None:
    take(bus, office.folder / "usb")
    assert "out of date" in refusal(bus, office.folder / "usb", NOW + 301 * DAY)
    assert packs.shelf_of(bus).state().waiting[0].edition.version == "jiaxing-2026.12"


def test_a_clock_without_its_battery_does_not_make_an_old_stick_fresh(office: OfficeRoom, bus: Configuration) -> None:
    """The clock says 1970; what was signed later says that time has passed."""
    office.now = NOW + 350 * DAY
    office.publish("jiaxing-2027.1", JANUARY)
    newer = office.stick("second")
    office.now = NOW
    signed.load(bus, str(newer), NOW + 350 * DAY)
    with pytest.raises(ConfigError, match=r"out of date|older"):
        signed.load(bus, str(office.folder / "usb"), datetime(1970, 1, 1, tzinfo=UTC))
    assert signed.floor_of(bus).latest() >= NOW + 350 * DAY


def test_a_clock_far_ahead_is_asked_about_and_the_device_can_be_fed(office: OfficeRoom, bus: Configuration) -> None:
    ahead = NOW + 900 * DAY
    with pytest.raises(ClockQuestion, match="is that today"):
        signed.load(bus, str(office.folder / "usb"), ahead)
    with pytest.raises(ConfigError, match="out of date"):
        signed.load(bus, str(office.folder / "usb"), ahead, True)
    found = signed.load(bus, str(office.folder / "usb"), ahead, False)
    assert (found.time.how, found.changes[0].planned.how) == ("denied", "new")


# mix and match


@pytest.mark.parametrize("part", ["snapshot", "bus"])
def test_parts_of_two_states_do_not_make_a_third(office: OfficeRoom, bus: Configuration, part: str) -> None:
    office.publish("jiaxing-2027.1", JANUARY)
    second = office.stick("second")
    [old] = metadata(office.folder / "usb").glob(f"*.{part}.json")
    [new] = metadata(second).glob(f"*.{part}.json")
    shutil.copyfile(old, new)
    assert "not of one piece" in refusal(bus, second)


# wrong target


def test_another_file_under_a_signed_name_is_refused(office: OfficeRoom, bus: Configuration) -> None:
    raw = pack_file(office.folder / "usb").read_bytes()
    pack_file(office.folder / "usb").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert "not what was signed" in refusal(bus, office.folder / "usb")


def test_a_pack_that_holds_another_version_than_it_is_signed_as_is_refused(
    office: OfficeRoom, bus: Configuration
) -> None:
    entry = Entry("tariff", "jiaxing-2027.1", JANUARY, "jiaxing-2027.1.zip")
    office.office().publish("bus", "all", entry, zipped(pack_of("jiaxing-2027.9", JANUARY)))
    said = refused_wholly(bus, office.stick("second"))
    assert "it holds version jiaxing-2027.9" in said


def refused_wholly(bus: Configuration, place: Path) -> str:
    """Why something on it is not taken; that version is not on the shelf."""
    refused = signed.load(bus, str(place), NOW).refused
    assert "jiaxing-2027" not in str(packs.shelf_of(bus).state())
    return "\n".join(trouble.text() for _, trouble in refused)


@pytest.mark.parametrize(
    ("operator", "kind"), [("city", "tariff"), ("ferry", "tariff"), ("bus", "hotlist"), ("bus", "software")]
)
def test_an_operators_key_counts_for_its_own_places_and_kinds_alone(
    office: OfficeRoom, bus: Configuration, operator: str, kind: Any
) -> None:
    """The bus office's key signs a file of another operator, or of a kind that it may not sign."""
    mine = device(Path(bus.terminal.data).parent, operator)
    made = office.office()
    entry = Entry(kind, "jiaxing-2027.1", JANUARY, "jiaxing-2027.1.zip")
    made._role_for = lambda operator, place: "bus"  # type: ignore[method-assign]
    made.publish(operator, "all", entry, zipped(pack_of("jiaxing-2027.1", JANUARY)))
    place = office.stick("second")
    if operator == "bus":
        assert "nobody who may sign" in refusal(mine, place)
    else:
        assert "jiaxing-2027.1" not in take(mine, place)


def test_a_places_key_counts_for_its_place_alone(office: OfficeRoom, tmp_path: Path) -> None:
    office.delegate("bus", "depot-1", ("tariff",))
    made = office.office()
    entry = Entry("tariff", "jiaxing-2027.1", JANUARY, "jiaxing-2027.1.zip")
    raw = zipped(pack_of("jiaxing-2027.1", JANUARY))
    made.publish("bus", "depot-1", entry, raw)
    made._role_for = lambda operator, place: "bus.depot-1"  # type: ignore[method-assign]
    made.publish("bus", "depot-2", entry, raw)
    place = office.stick("second")
    taken = {}
    for depot in ("depot-1", "depot-2"):
        mine = device(tmp_path / depot, "bus", depot)
        signed.trust_of(mine).enrol(office.root)
        taken[depot] = "jiaxing-2027.1" in take(mine, place)
    assert taken == {"depot-1": True, "depot-2": False}


# key compromise


def forged(stick: Path, name: str, change: Callable[[Any], None], office: OfficeRoom, *key_ids: str) -> None:
    """Change a file of signed metadata and sign it with those keys alone."""
    path = metadata(stick) / name
    forged = Metadata.from_bytes(path.read_bytes())
    change(forged.signed)
    forged.signatures.clear()
    ring = KeyRing([office.folder / "keys"], lambda name: PASSPHRASE)
    for keyid in key_ids:
        signer = ring.signer(keyid)
        assert signer is not None
        forged.sign(signer, append=True)
    path.write_bytes(forged.to_bytes())


def test_one_stolen_root_key_makes_no_root(office: OfficeRoom, bus: Configuration) -> None:
    stick, thiefs = office.folder / "usb", office.key("thief-1")
    [root] = [one for one in office.office().standings() if one.role == "root"]
    shutil.copyfile(metadata(stick) / "1.root.json", metadata(stick) / "2.root.json")

    def take_over(signed: Root) -> None:
        signed.version = 2
        for keyid, _ in root.keys:
            signed.revoke_key(keyid, "root")
        signed.add_key(thiefs, "root")
        signed.roles["root"].threshold = 1

    forged(stick, "2.root.json", take_over, office, root.keys[0][0], thiefs.keyid)
    assert "not signed by enough" in refusal(bus, stick)


def test_a_stolen_timestamp_key_signs_nothing_after_it_was_replaced(office: OfficeRoom, bus: Configuration) -> None:
    [stamp] = [one for one in office.office().standings() if one.role == "timestamp"]
    stolen, new = stamp.keys[0][0], office.key("timestamp-2")
    office.office().rotate({stolen: ("timestamp", new)})
    second = office.stick("second")

    def later(signed: Any) -> None:
        signed.version += 1

    forged(second, "timestamp.json", later, office, stolen)
    assert "not signed by enough" in refusal(bus, second)
    standing = signed.trust_of(bus).standing()
    assert standing is not None and standing.root == 2, "the rotation counts, also on a stick that is refused"
    assert "not signed by enough" in refusal(bus, office.folder / "usb"), "the old stick bears the stolen key's word"


def test_a_replaced_operators_key_signs_nothing_more(office: OfficeRoom, bus: Configuration) -> None:
    [old] = [one for one in office.office().standings() if one.role == "bus"]
    new = office.key("bus-2")
    office.office().delegate("bus", "", new, ("tariff",))
    second = office.stick("second")
    [name] = [path.name for path in metadata(second).glob("*.bus.json")]
    forged(second, name, lambda signed: None, office, old.keys[0][0])
    assert "not signed by enough" in refusal(bus, second)


def test_a_file_that_nobody_signed_is_not_taken(office: OfficeRoom, bus: Configuration) -> None:
    forged(office.folder / "usb", "timestamp.json", lambda signed: None, office)
    assert "not signed by enough" in refusal(bus, office.folder / "usb")


# endless data, zip bombs, path traversal


@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json"])
def test_metadata_without_end_is_cut_off(office: OfficeRoom, bus: Configuration, name: str) -> None:
    with (metadata(office.folder / "usb") / name).open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    assert "longer than it may be" in refusal(bus, office.folder / "usb")
    assert ROOT_BYTES_MAX < 1 << 20


def test_a_file_longer_than_signed_is_cut_off(office: OfficeRoom, bus: Configuration) -> None:
    with pack_file(office.folder / "usb").open("ab") as file:
        file.truncate(1 << 40)
    assert "longer than it may be" in refusal(bus, office.folder / "usb")


def signed_as(office: OfficeRoom, raw: bytes) -> Path:
    """A stick on which the operator signed these bytes as a pack: its key was stolen, or somebody erred."""
    office.office().publish("bus", "all", Entry("tariff", "jiaxing-2027.1", JANUARY, "jiaxing-2027.1.zip"), raw)
    return office.stick("second")


def test_a_signed_zip_bomb_is_refused(office: OfficeRoom, bus: Configuration) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for nth in range(20):
            archive.writestr(f"{nth}.txt", bytes(8 << 20))
    assert "too large" in refused_wholly(bus, signed_as(office, buffer.getvalue()))


def test_a_signed_zip_that_leads_out_of_its_folder_is_refused(office: OfficeRoom, bus: Configuration) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../smk.pid", b"1")
    assert "not allowed" in refused_wholly(bus, signed_as(office, buffer.getvalue()))


@pytest.mark.parametrize("file", ["../../../etc/passwd", "a/b.zip", ".hidden", "a\x00b", "..", ""])
def test_a_signed_list_that_leads_elsewhere_is_refused(office: OfficeRoom, bus: Configuration, file: str) -> None:
    made = office.office()
    entry = {"kind": "tariff", "version": "jiaxing-2027.1", "in_force_from": "2027-01-01", "file": file}
    with made.edit_targets("bus") as targets:
        listed = targets.targets["bus/all/contents.json"]
        raw = json.dumps({"entries": [entry]}).encode()
        assert isinstance(targets, Targets)
        made._put(targets, type(listed).from_data(listed.path, raw, ["sha256"]), raw)
    made.refresh()
    assert "contents.json" in refusal(bus, office.repository)


@pytest.mark.parametrize(
    "url", ["stick:///../x", "stick:///metadata/%2e%2e/x", "stick:///a%2f..%2fx", "stick:///", "stick:///a%00"]
)
def test_no_name_leads_out_of_the_stick(tmp_path: Path, url: str) -> None:
    (tmp_path / "x").write_bytes(b"secret")
    (tmp_path / "stick").mkdir()
    with pytest.raises(Exception, match=r"elsewhere|there is no|plain"):
        StickFetcher(tmp_path / "stick").download_bytes(url, 100)


@pytest.mark.parametrize("what", ["link", "folder link", "pipe"])
def test_a_link_or_a_pipe_on_the_stick_is_not_followed(
    office: OfficeRoom, bus: Configuration, what: str, tmp_path: Path
) -> None:
    import os

    stamp = metadata(office.folder / "usb") / "timestamp.json"
    if what == "folder link":
        metadata(office.folder / "usb").rename(tmp_path / "elsewhere")
        metadata(office.folder / "usb").symlink_to(tmp_path / "elsewhere")
    elif what == "link":
        stamp.rename(tmp_path / "elsewhere")
        stamp.symlink_to(tmp_path / "elsewhere")
    else:
        stamp.unlink()
        os.mkfifo(stamp)
    assert "could not be read" in refusal(bus, office.folder / "usb")
