"""The pages of a device on the real stacks: there at once, told of each tap, and no matter for the taps."""

import http.client
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config.model import Web
from tests.device.process import Running
from tests.device.rig import PATIENCE, configuration, eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    except OSError:
        return {}
    finally:
        connection.close()


def test_a_device_tells_its_pages_of_each_tap(chips: remote.Virtual, tmp_path: Path) -> None:
    port = free_port()
    told = replace(configuration(tmp_path / "data", "00000871", chips.udp_path), web=Web(port))
    device = Running(told)
    device.ready()
    assert eventually(lambda: ask(port, "/api/status").get("mode") == "ready")
    events = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    events.request("GET", "/api/events")
    stream = events.getresponse()
    card = chips.remote.add(CardSpec("0000000000008710", balance_fen=5_000))
    assert "刷卡成功" in device.tap(chips.remote, card)
    while stream.readline() != b"event: signal\n":
        pass
    signal = json.loads(stream.readline().removeprefix(b"data: "))
    assert (signal["outcome"], signal["shape"], signal["balance_fen"]) == ("fare", "check", 4_900)
    assert eventually(lambda: ask(port, "/api/status").get("unsent_fen") == 100)
    events.close()
    assert device.end() == 0


def test_a_port_that_somebody_holds_stops_no_tap_and_is_taken_when_it_is_free(
    chips: remote.Virtual, tmp_path: Path
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port: int = holder.getsockname()[1]
        told = replace(configuration(tmp_path / "data", "00000872", chips.udp_path), web=Web(port))
        device = Running(told)
        device.ready()
        assert device.logged(f"no pages on port {port}")
        card = chips.remote.add(CardSpec("0000000000008720", balance_fen=5_000))
        assert "刷卡成功" in device.tap(chips.remote, card)
    assert eventually(lambda: ask(port, "/api/status").get("terminal") == "00000872")
    assert device.end() == 0
