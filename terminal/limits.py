"""Bounds of this room, each with its reason."""

REPEATS_KEPT = 64
"""Cards whose last outcome can be repeated: a repeat counts within seconds, no door passes more riders in them."""

SERVICE_DAY_ENDS_HOUR = 3
"""A draft of a service day that ended is closed as GREY: no bus of the city runs at three at night (assumption)."""

MEND_INTERVAL_S = 1.0
"""Between two tries to open what failed: a driver who plugs a reader sees it work within a second."""

PSAM_CHECK_INTERVAL_S = 5.0
"""Between two questions to an idle PSAM: a restarted pcscd is found before the next rider, at no cost to a tap."""

ANNOUNCED_S_MAX = 3600.0
"""An announced stop older than this was another trip's: no bus stands so long at one."""

UNCLEAR_BEFORE_SIGNAL = 3
"""Failed activations in a row before the rider is told: a card on its way into the field fails once or twice."""

BREATH_S = 0.0001
"""For which work beside the taps leaves the interpreter alone: time enough for the loop to take it for a card."""

STRETCH_S = 0.0002
"""For which such work computes before it gives way: a tenth of the fastest tap on simulated chips."""

GIVE_WAY_S_MAX = 2.0
"""A tap takes a tenth of this; a chip that asks for time again and again must not stop the sending for good."""

MAILBOX_MAX = 16
"""New packs and lists waiting for the next gap between taps; one arrives an hour at most."""

STICK_S_MAX = 300.0
"""Looking at or loading a stick from a page: a hot list of ten million from a slow one takes two minutes; one that
hangs must not hold the technician for ever."""

LAST_ROWS = 8
"""A card's rows among which its last debit is looked for; refusals and locks may stand after it, not many."""

UNSIGNALLED_MINUTES = 10
"""An outcome that was not signalled before a restart is shown again only while its rider can still stand there."""

ANCHOR_ROWS = 200
"""How far from a draft a row with a synchronised time is looked for, on either side."""
