"""Why the backend may take a terminal out of service, in words. Pure."""

CLOSED = {
    "retired": ("终端已停用", "this terminal is retired"),
    "replaced": ("终端已被替换", "this terminal was replaced"),
    "stolen": ("终端已报失窃", "this terminal was reported stolen"),
    "stopped": ("另一台设备使用同一身份", "another device has this identity: enrol one of them anew"),
}
"""Standings that close a device, in words."""
