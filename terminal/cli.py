"""The command line `smk`. Each command lives in terminal/commands and is imported only when it is asked for."""

import importlib

import click

COMMANDS = {
    "run": "device:run",
    "enrol": "device:enrol",
    "install": "appliance:install",
    "uninstall": "appliance:uninstall",
    "selftest": "selftest:selftest",
    "card": "chips:card",
    "psam": "chips:psam",
    "social": "social:social",
    "hospital": "hospital:hospital",
    "library": "library:library",
    "counter": "counters:counter",
    "training": "counters:training",
    "clerk": "clerks:clerk",
    "market": "tills:market",
    "topup": "tills:topup",
    "peripheral": "peripherals:peripheral",
    "check": "checks:check",
    "config": "checks:config",
    "pack": "packs:pack",
    "update": "update:update",
    "office": "office:office",
    "fare": "fares:fare",
    "copay": "copay:copay",
    "hotlist": "hotlist:hotlist",
    "profiles": "checks:profiles",
    "journal": "books:journal",
    "shift": "books:shift",
    "reconcile": "books:reconcile",
    "sync": "stick:sync",
    "backend": "books:backend",
    "day": "days:day",
    "issuer": "issuer:issuer",
    "city": "city:city",
    "authority": "authority:authority",
    "terminal": "standing:terminal",
    "keys": "keys:keys",
    "virtual": "virtual:virtual",
    "demo": "virtual:demo",
    "demo-hospital": "virtual:demo_hospital",
    "demo-counter": "virtual:demo_counter",
}
"""Command to module:function of terminal/commands, in the order in which help shows them."""


class Commands(click.Group):
    """Commands by name, imported when they are used: `smk run` must be ready within a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"terminal.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: smk demo. A device: smk config sample > terminal.toml; smk check terminal.toml; "
    "smk run terminal.toml",
)
@click.version_option(package_name="citizen-card-terminal")
def main() -> None:
    """市民卡终端 · the citizen-card terminal: purse, fares, journal and sync of one device."""


if __name__ == "__main__":
    main(prog_name="smk")
