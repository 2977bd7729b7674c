"""Commands about a backend's masters: seal them under a passphrase, bring them into a security module, compare them."""

from pathlib import Path

import click

from terminal.commands.say import answer, as_json, fail, speaking

plain_file = click.argument("plain", type=click.Path(exists=True, dir_okay=False, path_type=Path))
target_file = click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="New key file.")


@click.group(short_help="A backend's master keys: seal, import, check.")
def keys() -> None:
    """The key file of smk backend --keys: plain, sealed, or naming a security module (docs/identity.md)."""


@keys.command("seal")
@plain_file
@click.option(
    "--passphrase-file",
    "passphrase",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the passphrase; the backend reads it there.",
)
@target_file
@speaking
def keys_seal(plain: Path, passphrase: Path, target: Path) -> None:
    """Encrypt the masters in PLAIN; smk backend --keys takes the new file as it took the old one."""
    from sync.backend.authority import BadAuthority
    from sync.backend.keys import BadKeys
    from sync.backend.masters import seal
    from sync.keystore import write_new

    try:
        write_new(target, seal(plain, passphrase).encode("utf-8"), 0o600)
    except (BadAuthority, BadKeys, OSError) as wrong:
        fail(f"未完成 · not done: {wrong}")
    click.echo(f"已加密 · sealed: {target}; 核对后销毁明文 · compare with smk keys check, then destroy {plain}")


@keys.command("import")
@plain_file
@click.option("--token", required=True, help="pkcs11:token=LABEL?module-path=/…/lib.so&pin-source=file:/…")
@target_file
@speaking
def keys_import(plain: Path, token: str, target: Path) -> None:
    """Bring the masters in PLAIN into a PKCS#11 module, which never gives them away; the new file names it."""
    from sync.backend.keys import BadKeys, KeyFile
    from sync.backend.masters import bring_in
    from sync.keystore import KeyTrouble, write_new

    try:
        if target.exists():
            fail(f"{target} 已存在 · is there already")
        write_new(target, bring_in(KeyFile.read(plain), token).encode("utf-8"), 0o600)
    except (BadKeys, KeyTrouble, OSError) as wrong:
        fail(f"未完成 · not done: {wrong}")
    click.echo(f"已导入 · imported: {target}; 核对后销毁明文 · compare with smk keys check, then destroy {plain}")


@keys.command("check")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
@speaking
def keys_check(path: Path, as_json: bool) -> None:
    """Show each master of a key file by a check value: two files with equal values hold equal keys."""
    from sync.backend.keys import BadKeys
    from sync.backend.masters import check_values, read_masters
    from sync.keystore import KeyTrouble

    try:
        found = check_values(read_masters(path))
    except (BadKeys, KeyTrouble) as wrong:
        fail(f"密钥文件不可用 · the key file cannot be used: {wrong}")
    answer(found, as_json, lambda: [f"{name:24} {value}" for name, value in found.items()])
