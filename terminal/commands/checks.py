"""Commands that check what a technician brings, before it takes force: check, config, profiles."""

from pathlib import Path

import click

from terminal.commands.say import answer, as_json, configuration_file, speaking


@click.command(short_help="Check a configuration and all it names.")
@configuration_file
@as_json
@speaking
def check(configuration: str, as_json: bool) -> None:
    """Check a device's CONFIGURATION and all that it names: pack, hot list, profiles, a counter's rules and keys."""
    from config.store import load_configuration
    from terminal import box

    loaded = load_configuration(Path(configuration)).value
    pack_, hot_list = box.load_tables(loaded, keep=False)
    profiles_ = box.profiles_of(loaded)
    shown = {
        "terminal": loaded.terminal.number,
        "pack": pack_.value.version,
        "hot_list": hot_list.value.version,
        "hot_list_cards": hot_list.value.count,
        "profiles": [profile.name for profile in profiles_],
    }
    if loaded.library.branch:
        from terminal.library.build import load_profile, load_rules

        shown["library_system"] = load_profile(loaded.library.profile).en
        shown["lending_rules"] = load_rules(loaded.library).lending.version
    if loaded.hospital.reader:
        from terminal.hospital import build

        policy = build.read_policy(loaded)[0]
        chips = box.load_chip_profiles(loaded.hospital.chips)
        shown |= {
            "policy": f"{policy.version}{' 未核实 unverified' if policy.unverified else ''}",
            "keys": repr(build.read_vault(loaded)),
            "chips": [profile.name for profile in chips],
        }
    answer(shown, as_json, lambda: [*(f"{name:15} {value}" for name, value in shown.items()), "配置可用 · all good"])


@click.group()
def config() -> None:
    """The device's configuration file."""


@config.command("sample")
def config_sample() -> None:
    """Print a commented sample to start from."""
    from config.store import sample

    click.echo(sample(), nl=False)


@config.command("check")
@configuration_file
@speaking
def config_check(configuration: str) -> None:
    """Tell all faults of the file at once, each with its place."""
    from config.store import load_configuration

    load_configuration(Path(configuration))
    click.echo("配置可用 · the configuration is good")


@click.command(short_help="List the card families.")
@as_json
@speaking
def profiles(as_json: bool) -> None:
    """List the card families that the program knows, and whether they are verified."""
    from terminal import box

    known = box.load_profiles(("jiaxing", "jiaxing_b", "tunion"))
    shown = [
        {"name": p.name, "zh": p.zh, "en": p.en, "aid": p.aid.hex().upper(), "verified": p.verified, "until": p.until}
        for p in known
    ]
    answer(
        shown,
        as_json,
        lambda: [
            f"{p['name']:10} {p['zh']} · {p['en']}{'' if p['verified'] else ' (未核实 · unverified)'}" for p in shown
        ],
    )
