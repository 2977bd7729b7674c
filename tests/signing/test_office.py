"""The office's commands: keys that are sealed, acts that are whole or not done, words that say what is missing."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.errors import ConfigError
from config.signing import keys
from config.signing.keys import KeyRing, make_key
from terminal import cli
from tests.signing.offices import DECEMBER, PASSPHRASE, OfficeRoom


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keys, "SCRYPT_LOG_N", 10)
    monkeypatch.chdir(tmp_path)
    Path("pass").write_text(f"{PASSPHRASE}\n", "utf-8")


def smk(*words: str, status: int = 0, typed: str | None = None) -> str:
    """What a command says; it ends with `status` and never in a traceback."""
    result = CliRunner().invoke(cli.main, words, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    return result.output


KEYS = ("--keys", "keys", "--passphrase-file", "pass")


def made() -> None:
    smk("office", "init", "repo", *KEYS)
    smk("office", "delegate", "repo", "bus", "--holder", "Chen", *KEYS)


def test_a_key_file_says_nothing_without_its_passphrase(tmp_path: Path) -> None:
    key = make_key(tmp_path, "a", "Chen", PASSPHRASE)
    raw = (tmp_path / "a.key").read_bytes()
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    signer = KeyRing([tmp_path], lambda name: PASSPHRASE).signer(key.keyid)
    assert signer is not None and signer.private_bytes not in raw
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        KeyRing([tmp_path], lambda name: "another passphrase").signer(key.keyid)


def test_a_key_file_whose_public_half_was_changed_does_not_open(tmp_path: Path) -> None:
    keys_ = [make_key(tmp_path, name, "Chen", PASSPHRASE) for name in "ab"]
    texts = [(tmp_path / f"{name}.key").read_text() for name in "ab"]
    publics = [str(key.keyval["public"]) for key in keys_]
    (tmp_path / "a.key").write_text(texts[0].replace(publics[0], publics[1]))
    (tmp_path / "b.key").unlink()
    with pytest.raises(ConfigError, match="altered"):
        KeyRing([tmp_path], lambda name: PASSPHRASE).signer(keys_[1].keyid)


def test_a_key_file_that_would_take_a_computers_memory_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path, "a", "Chen", PASSPHRASE)
    file = tmp_path / "a.key"
    file.write_text(file.read_text().replace('"log_n": 10', '"log_n": 18'))  # a quarter of a gigabyte
    with pytest.raises(ConfigError, match="damaged key file"):
        KeyRing([tmp_path], lambda name: PASSPHRASE)


def test_a_short_passphrase_and_a_key_that_is_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 12"):
        make_key(tmp_path, "a", "Chen", "short")
    make_key(tmp_path, "a", "Chen", PASSPHRASE)
    with pytest.raises(ConfigError, match="could not be written"):
        make_key(tmp_path, "a", "Chen", PASSPHRASE)


def test_passphrases_are_asked_for_and_enter_repeats_the_last() -> None:
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n" + "\n" * 10
    assert "two of three" in smk("office", "init", "repo", "--keys", "keys", typed=typed)
    assert smk("office", "keys", "repo", "--keys", "keys").count("keys/root-") == 3


def test_a_second_repository_in_the_same_place_is_refused() -> None:
    made()
    assert "already" in smk("office", "init", "repo", *KEYS, status=1)


def test_what_lacks_a_key_is_not_signed_and_says_who_holds_it() -> None:
    made()
    shutil.move("keys/bus-1.key", "bus-1.key")
    said = smk("pack", "publish", "repo", "builtin:jiaxing", "--operator", "bus", *KEYS, status=1)
    assert "holders: Chen" in said and "--keys" in said
    Path("other").mkdir()
    shutil.move("bus-1.key", "other/bus-1.key")
    assert "signed by bus" in smk(
        "pack", "publish", "repo", "builtin:jiaxing", "--operator", "bus", "--keys", "other", *KEYS
    )


def test_one_root_key_alone_makes_no_new_root() -> None:
    made()
    for nth in (2, 3):
        Path(f"keys/root-{nth}.key").unlink()
    assert "root wants 2 keys, 1 are here" in smk("office", "rotate-root", "repo", *KEYS, status=1)
    assert not Path("repo/metadata/2.root.json").exists()


def test_an_operator_that_nobody_delegated_to_is_told() -> None:
    made()
    said = smk("pack", "publish", "repo", "builtin:jiaxing", "--operator", "ferry", *KEYS, status=1)
    assert "smk office delegate" in said


@pytest.mark.parametrize("name", ["root", "timestamp", "Bus", "bus.depot", "../bus", "b" * 40])
def test_a_name_that_is_none_is_refused_and_leaves_no_key(name: str) -> None:
    smk("office", "init", "repo", *KEYS)
    before = sorted(Path("keys").iterdir())
    smk("office", "delegate", "repo", name, "--holder", "Chen", *KEYS, status=1)
    assert sorted(Path("keys").iterdir()) == before


def test_a_place_of_an_operator_that_nobody_delegated_to_is_told() -> None:
    smk("office", "init", "repo", *KEYS)
    said = smk("office", "delegate", "repo", "bus", "--place", "depot-1", "--holder", "Chen", *KEYS, status=1)
    assert "there is no operator bus" in said and not list(Path("keys").glob("bus*"))


def test_a_pack_with_a_fault_is_not_signed(tmp_path: Path) -> None:
    made()
    smk("pack", "copy", "builtin:jiaxing", "winter")
    Path("winter/fare_products.txt").write_text("nonsense\n")
    smk("pack", "publish", "repo", "winter", "--operator", "bus", *KEYS, status=1)
    assert "没有 · nothing" in smk("office", "list", "repo")


def test_a_version_never_names_two_contents(tmp_path: Path) -> None:
    room = OfficeRoom(tmp_path / "room")
    room.publish("v1", DECEMBER)
    room.publish("v1", DECEMBER)
    with pytest.raises(ConfigError, match="names other content"):
        room.publish("v1", DECEMBER.replace(day=2))


def test_what_is_withdrawn_is_offered_no_longer() -> None:
    made()
    smk("pack", "publish", "repo", "builtin:jiaxing", "--operator", "bus", *KEYS)
    assert "jiaxing-2022.1" in smk("office", "list", "repo")
    smk("office", "withdraw", "repo", "tariff", "jiaxing-2022.1", "--operator", "bus", *KEYS)
    assert "jiaxing" not in smk("office", "list", "repo")
    said = smk("office", "withdraw", "repo", "tariff", "jiaxing-2022.1", "--operator", "bus", *KEYS, status=1)
    assert "there is no tariff" in said


def test_a_refreshed_repository_is_good_for_another_month() -> None:
    made()
    before = Path("repo/metadata/timestamp.json").read_bytes()
    assert "good until" in smk("office", "refresh", "repo", *KEYS)
    assert Path("repo/metadata/timestamp.json").read_bytes() != before
