"""Look at a contact chip: what kind of card it is and what it says, masked."""

from pathlib import Path
from typing import Any

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

SHOWN = ("version", "issued", "valid_to", "region", "year", "inscope_fen", "pool_fen", "admissions", "unfinished")
KINDS = {
    "citizen": "社会保障·市民卡 social-security citizen card",
    "new_resident": "新居民卡 new-resident card",
    "old_medical": "旧医疗保险卡 old medical-insurance card",
    "test": "测试卡 test card",
}


@click.command(short_help="Look at a social-security chip, masked.")
@configuration_file
@click.option("--pin", is_flag=True, help="Ask for the holder's PIN and read what lies behind it.")
@as_json
@speaking
def social(configuration: str, pin: bool, as_json: bool) -> None:
    """Look at the contact chip in the counter's slot. Names and numbers are masked; nothing is written on the card.

    A wrong PIN costs the card one of its tries; the PIN is neither shown nor logged.
    """
    from apdu.social.masked import masked_name, masked_number
    from config.store import load_configuration
    from terminal import box
    from terminal.chipcard import NotServed, read_in

    hospital = load_configuration(Path(configuration)).value.hospital
    if not hospital.reader:
        fail("配置中没有 [hospital] reader · no [hospital] reader in the configuration: this device is no counter")
    digits = click.prompt("密码 PIN", hide_input=True, err=True) if pin else ""
    try:
        chip = read_in(lambda: box.open_patient_slot(hospital), box.load_chip_profiles(hospital.chips), digits)
    except NotServed as refused:
        fail(f"{refused.zh}\n{refused.en}", 2)
    shown: dict[str, Any] = {
        "kind": KINDS.get(chip.kind, chip.kind),
        "profile": chip.profile.name,
        "verified": chip.profile.verified,
        "card_number": masked_number(chip.text("card_number")),
        "id_number": masked_number(chip.text("id_number")),
        "name": masked_name(chip.text("name")),
        **{name: value for name in SHOWN if (value := chip.fact(name)) is not None},
        "faults": list(chip.faults),
    }
    answer(shown, as_json, lambda: [f"{name:14} {value}" for name, value in shown.items()])
