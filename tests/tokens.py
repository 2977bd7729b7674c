"""PKCS#11 tokens without hardware: SoftHSM's, and one of a TPM that swtpm plays, through tpm2-pkcs11."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


TPM_MODULES = "*/pkcs11/libtpm2_pkcs11.so"
"""Below /usr/lib, by the machine's kind."""


@contextmanager
def tpm(folder: Path) -> Iterator[str]:
    """A software TPM, the resource manager that a kernel would be, and a token in it; its pkcs11: URI."""
    state, store = folder / "state", folder / "store"
    for each in (state, store):
        each.mkdir(parents=True)
    port = _two_ports()
    with ExitStack() as ended:
        bus = _started(ended, "dbus-daemon", "--session", "--nofork", "--print-address", out=subprocess.PIPE)
        assert bus.stdout is not None
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        served = [f"--{kind}=type=tcp,port={number}" for kind, number in (("server", port), ("ctrl", port + 1))]
        flags = ["--flags", "not-need-init,startup-clear", "--tpmstate", f"dir={state}"]
        _started(ended, "swtpm", "socket", "--tpm2", *served, *flags)
        _until(lambda: socket.create_connection(("127.0.0.1", port + 1), 1).close())
        root = ["--allow-root"] if os.geteuid() == 0 else []
        _started(ended, "tpm2-abrmd", "--session", *root, f"--tcti=swtpm:host=127.0.0.1,port={port}")
        os.environ |= {"TPM2TOOLS_TCTI": "tabrmd:bus_type=session", "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session"}
        os.environ |= {"TPM2_PKCS11_STORE": str(store), "TPM2_PKCS11_BACKEND": "esysdb", "TSS2_LOG": "all+none"}
        _until(lambda: _run("tpm2_ptool", "init"))
        _run("tpm2_ptool", "addtoken", "--pid=1", "--sopin=654321", "--userpin=123456", "--label=tpm")
        (folder / "pin").write_text("123456\n")
        [module] = Path("/usr/lib").glob(TPM_MODULES)
        yield f"pkcs11:token=tpm?module-path={module}&pin-source=file:{folder / 'pin'}"


def _two_ports() -> int:
    """A port that is free, and the one after it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = int(one.getsockname()[1])
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
            return port


def _started(ended: ExitStack, *command: str, out: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    ended.callback(process.wait, 10)
    ended.callback(process.terminate)
    return process


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _until(works: Callable[[], object], seconds: float = 20.0) -> None:
    """Until a process that was started answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            works()
            return
        except (OSError, subprocess.CalledProcessError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
