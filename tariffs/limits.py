"""Bounds of this room, each with its reason. What a pack says beyond them is a fault, not a fare."""

AMOUNT_MAX_FEN = 100_000
"""No single fare on a bus or boat reaches 1,000 yuan; a larger amount in a table is a slip of the pen."""

PACK_FILES_MAX = 200
"""A pack has about 30 tables; dated editions of each leave room."""

PACK_FILE_BYTES_MAX = 8 * 1024 * 1024
"""One table: stops.txt of a whole province is 4 MB."""

PACK_BYTES_MAX = 32 * 1024 * 1024
"""A whole pack in memory while it is checked: half of the device's resident budget of 60 MiB."""

TOML_BYTES_MAX = 1024 * 1024
"""classes.toml or pack.toml: the sample has 5 kB; an allow-list of 5,000 entries is 900 kB."""

TOML_LINE_CHARS_MAX = 4_000
"""One line: a list of 150 card numbers."""

TOML_LINE_DOTS_MAX = 50
"""Dots in one line: the parser's work grows with the square of a dotted key's parts; a source's text has a few."""

EDITIONS_MAX = 20
"""Days on which the fare tables of one pack change: each edition is a feed of its own in memory."""

AMOUNT_DIGITS_MAX = 12
"""Digits before the point of an amount in any currency: a trillion is no fare."""

JOURNEY_LEGS_MAX = 200
"""Legs of one journey that is priced: more than a month of rides."""

TABLE_ROWS_MAX = 1_000_000
"""Rows of one GTFS table: a country's feed has half a million stops."""

COLUMNS_MAX = 100
"""Columns of one GTFS table: the widest in the specification has 20, agencies add some of their own."""

IDENTIFIER_CHARS_MAX = 64
"""Characters of an id: they go into journal rows, a few dozen bytes each."""

TEXT_CHARS_MAX = 400
"""Characters of a name or a source: what a person reads in a line or two."""

TERMS_MAX = 500
"""Dated classes and rates of other cities' cards together; each is priced on every network when the pack opens."""

PRICES_MAX = 2_000_000
"""Classes times the leg rules that their networks match, priced when a pack opens: 20 classes by 100,000 rules."""

ACCEPTED_MAX = 5_000
"""Entries of the allow-list; T-Union has about 330 cities."""

JUNK_NUMBERS_MAX = 1_000
"""Card numbers that are no cards; three are known from real uploads."""

HOT_LEVELS_MAX = 100
"""The hot list's level has two digits (docs/cards.md, "Back-office files")."""

LENDING_EDITIONS_MAX = 50
"""Editions of a library's lending rules: it changes them once a year at most."""

BLOCKED_READERS_MAX = 200_000
"""Blocked readers of a city's libraries: a tenth of all readers is noise, and the list lies in memory."""

STOP_METRES_MAX = 60
"""A bus stands within this of its stop's post, receiver error included; stops of one line are 300 m apart and more."""

LINE_STOPS_MAX = 255
"""Stops of one line in one direction: the card's record has one byte for the number."""

LINES_MAX = 5_000
"""Tables of stops.toml: two directions of each line of a province's largest city, dated."""

RIDES_MAX = 10_000
"""Rides that a cap counts in a month: more than anybody makes."""

TAPS_MAX = 50
"""Taps of one card in one ride: a school class; the card's record counts to 255."""

TRANSFERS_COUNTED_MAX = 255
"""The card's record has one byte for transfers; beyond it the count stands still."""

DURATION_MAX_SECONDS = 7 * 86_400
"""A transfer window of more than a week is a pass, not a transfer."""

FAULTS_MAX = 200
"""Faults told at once: more than a technician mends in one go, and a bound on what a hostile file makes us say."""

VALUE_SHOWN_MAX = 60
"""Characters of a faulty value that are shown: enough to recognise it, too few to flood a screen."""

NOTES_MAX = 12
"""Rows that did not match, told for one step of an explanation: a screen of them; the rest is counted."""

ISSUER_LIST_CHARS_MAX = 1024 * 1024
"""The network's list of issuers: a line has 40 characters."""
