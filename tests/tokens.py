"""A SoftHSM token of its own for each test: a real PKCS#11 module, no hardware."""

import os
import subprocess
from pathlib import Path

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "smk test"


def softhsm(folder: Path) -> str:
    """Make a token below `folder`; the pkcs11: URI of it. SoftHSM reads its environment when it is loaded, once."""
    objects = folder / "objects"
    objects.mkdir(parents=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {objects}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    pin = folder / "pin"
    pin.write_text("123456\n")
    init = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", "123456", "--so-pin", "654321"]
    subprocess.run(init, check=True, capture_output=True)
    return f"pkcs11:token={LABEL.replace(' ', '%20')}?module-path={MODULE}&pin-source=file:{pin}"
