"""Bounds of this room, each with its reason."""

CONFIGURATION_BYTES_MAX = 256 * 1024
"""The commented sample is 8 kB and 500 duties are 80 kB; anything larger is not a configuration."""

CONFIGURATION_LINE_MAX = 1_000
"""Characters of a line: the longest list takes 600, and the TOML parser's time grows with the cube of a dotted key."""

FAULTS_MAX = 100
"""Faults told at once: more than a technician mends in one go, and a bound on what a hostile file makes us say."""

VALUE_SHOWN_MAX = 40
"""Characters of a faulty value that are shown: enough to recognise it, too few to flood a screen."""

DUTIES_MAX = 1_000
"""Duties in one terminal's roster: a depot with 300 drivers of three duties each."""

PROFILES_MAX = 16
"""Card profiles tried in order: each costs a SELECT of 15 ms on a card that none of them knows."""

HOT_LIST_ENTRIES_MAX = 999_999
"""The header's count has six digits (docs/cards.md, "Back-office files")."""

HOT_LIST_INDEX_BITS = 21
"""A city's index has about two million buckets of 4 bytes at most: of ten million cards a handful lies in each."""

HOT_LIST_CITIES_MAX = 10_000
"""A city has four digits."""

HOT_LIST_RANGES_MAX = 10_000
"""A range stands for a lost batch of cards; it lies in memory."""

HOT_LIST_CHANGES_MAX = 200_000
"""A delta with more changes than this is a new list."""

HOT_LIST_DELTA_BYTES_MAX = 64 * 1024 * 1024
"""So many changes and ranges as JSON, amply."""

HOT_LIST_MAPPED_MAX = 1 << 30
"""A hundred million cards in 9 bytes each; it is mapped, not read."""

HOT_LIST_LINE_BYTES = 22
"""Card number N20 and level N2."""

HOT_LIST_BYTES_MAX = 16 + (HOT_LIST_LINE_BYTES + 2) * HOT_LIST_ENTRIES_MAX
"""Header 14 and its line end, then full lines with two-byte line ends."""

PACK_FILES_MAX = 200
"""A pack has about 30 tables; dated editions of each leave room."""

PACK_FILE_BYTES_MAX = 8 * 1024 * 1024
"""One table: stops.txt of a whole province is 4 MB."""

PACK_BYTES_MAX = 32 * 1024 * 1024
"""A whole pack as it lies in memory while it is checked: half of the device's resident budget of 60 MiB."""

FEED_BYTES_MAX = 512 * 1024 * 1024
"""A published feed as `smk fare quote` reads it, on a technician's machine: a country's zip has 300 MB."""

PACK_ARCHIVE_BYTES_MAX = 8 * 1024 * 1024
"""A pack as a zip; text compresses at least four times."""

PACK_NAME_MAX = 120
"""Characters of a file's name inside a pack."""

GENERATION_BYTES_MAX = max(PACK_BYTES_MAX, HOT_LIST_BYTES_MAX) + 1024 * 1024
"""A kept copy: the largest thing that is kept, and the zip's own entries."""

EDITIONS_WAITING_MAX = 16
"""Packs that wait on a device: one for each month of a year ahead, and some that were loaded in vain."""

SHELF_STATE_BYTES_MAX = 64 * 1024
"""What holds, in JSON: 18 editions of 200 bytes and a signer's line each, and room."""

SIGNED_SHOWN_MAX = 160
"""Characters of the line that says who signed: a role and two holders' names."""

SHELF_LOCK_S = 1.0
"""How long a change of the shelf waits for another one, which takes some milliseconds: a rider may be waiting too."""

TRUST_LOCK_S = 10.0
"""How long a loader of signed files waits for another one: a stick takes seconds, a slow network nobody waits for."""

CLOCK_AHEAD_DAYS = 400
"""A device that lay on a shelf for a year and was not fed is still believed; beyond that its clock is asked about."""

SIGNED_ENTRIES_MAX = 64
"""Files that an operator offers a place at once: seven kinds, and the months ahead of them."""

SIGNED_LIST_BYTES_MAX = 64 * 1024
"""So many entries with their notes, amply."""

SIGNED_BYTES_MAX = 256 * 1024 * 1024
"""The largest signed file: a hot list of ten million cards has 90 MB, a release with its libraries 40."""

SERVER_TIME_BYTES_MAX = 40
"""An ISO 8601 time with its offset."""

RELEASE_BYTES_MAX = 64 * 1024 * 1024
"""A release of the program: its own wheel has 1 MB, all that it stands on 30."""

RELEASE_MANIFEST_BYTES_MAX = 4_096
"""Version, schema, Python."""

ROOT_BYTES_MAX = 64 * 1024
"""Root metadata: a dozen keys and their signatures are 6 kB."""

TRUST_BYTES_MAX = 16 * 1024 * 1024
"""What a device keeps of signed metadata: some kilobytes a role, and a root for each rotation."""

FETCH_STEP_S = 15.0
"""How long one answer of the network may take: a rural 2G line needs five seconds for a connection."""

FETCH_ALL_S = 1_800.0
"""How long one file of the network may take: 90 MB at 50 kB/s."""

PASSPHRASE_MIN = 12
"""Characters of a key's passphrase: the file may be copied, and scrypt makes a guess cost a tenth of a second."""
