"""Bounds of this room, each with its reason."""

SQLITE_VERSION_MIN = (3, 51, 3)
"""Older versions from 3.7.0 on can lose a WAL when it is reset (docs/adr/0003)."""

ROW_BYTES_MAX = 8_192
"""A HELD row with three cached records of 128 bytes is about 2,000 bytes; four times that is a mistake, not a row."""

SERIAL_MAX = 99_999_999
"""The issuer's files give the local serial eight digits (docs/cards.md, XF)."""

EPOCH_MAX = 2**31 - 1
"""An epoch is a small number that rises by one with each new journal file; beyond this it is noise."""

SEQ_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""

SEEN_ROWS = 8
"""A repeated (random, counter) pair comes from a replay of the last few visits; older ones have a passed counter."""

RECALL_ROWS_MAX = 64
"""Repeat, transfer and healing look back at most a day; no card taps more often on one vehicle."""

RESERVE_BYTES = 1_048_576
"""An outcome commits five pages of 4 KiB; fifty outcomes of as many open drafts fit into this."""

CHECKPOINT_PAGES = 500
"""About 120 taps: an idle device copies its WAL back then, so that flash is not written twice for each tap."""

WAL_BYTES = 3_145_728
"""Length that the WAL is given at once: 500 pages of 4 KiB, and a rush hour's 250 before the device is idle again."""

CHECKPOINT_PAGES_MAX = 16_000
"""A device that is never idle copies its WAL back at 64 MiB, before the log eats the disk."""

SNAPSHOT_PAGES = 32
"""Pages copied under the lock at a time while a snapshot is written: a tap waits some tenths of a millisecond."""

VERIFY_ROWS = 500
"""Rows checked under the lock at a time while a journal is verified: a tap waits some milliseconds at most."""

SALVAGE_BLOCK = 4_096
"""What is read at a time from a damaged disk: a bad sector costs its own block and no more."""

RETAINED_ROWS = 60_000
"""Rows that stay in the journal at least: three weeks of a busy bus, the record store of Shanghai's validators."""

RETAINED_DAYS = 30
"""Days for which rows stay in the journal at least, as validators elsewhere keep them (docs/transit.md)."""

ARCHIVE_STEP_ROWS = 250
"""Rows that go to the archive at a time: a rider who comes just then waits some ten milliseconds."""

ARCHIVE_ROWS = 50_000
"""Rows of one file of the archive, a multiple of the step: some 40 MB, a few weeks."""

BATCH_ROWS_MAX = 200
"""Two hundred rows are one commit at the backend and a few kilobytes on the air; more brings nothing."""

STRETCH_ROWS = 25
"""Rows that a batch is made of before it gives way to a tap: some tenths of a millisecond of the interpreter."""

BATCH_BYTES_MAX = 524_288
"""Raw bytes of the rows of one batch: 200 rows of usual length twice over, and the largest single row many times."""

BATCH_JSON_BYTES_MAX = 1_048_576
"""A batch unpacked: its rows (damaged ones grow by a third in base64), and the members around them."""

BATCH_GZIP_BYTES_MAX = 1_048_576
"""A batch as sent; compression never helps a hostile sender past the bound of the unpacked form."""

ANSWER_BYTES_MAX = 65_536
"""The backend's answer is some hundred bytes; a proxy's error page stays below this or is cut."""

CONDITION_TROUBLES_MAX = 8
"""Reader, PSAM, journal, standing and as many more."""

TROUBLE_CHARS_MAX = 200
"""A sentence of a driver; a trace is for the device's own log."""

CONDITION_SECONDS = 30
"""A terminal says how it is twice a minute at most: on a drain of its backlog this costs nothing."""

CLOCKS_APART_HOURS = 3
"""Two terminals' clocks may be this far apart before a card's counters say more than the clocks do."""

DEBITS_A_DAY_MAX = 200
"""Debits of one card in a day: a courier on all buses makes a tenth of it."""

SILENT_HOURS = 24
"""A terminal that says nothing for a day is looked at; a bus rests for a night."""

CONDITION_REFUSED_SECONDS = 3_600
"""A backend that does not know conditions refuses a batch that bears one; an hour later it may have been replaced."""

CARRIED_BYTES_MAX = ANSWER_BYTES_MAX + 1_024
"""An answer on a stick: the answer itself, the digest of its batch and a signature."""

STICK_BATCHES_MAX = 50_000
"""Ten million rows of one terminal, years of a bus; more files in one folder are not ours."""

STICK_TERMINALS_MAX = 10_000
"""A city's terminals, five times over, carried by one technician."""

QUARANTINED_MAX = BATCH_ROWS_MAX
"""An answer can name each row of its batch once."""

NAME_CHARS_MAX = 64
"""Terminal names, versions and the like in messages: long enough for a hash in hex."""

HEARTBEAT_SECONDS = 60
"""With nothing to send the terminal still asks: new lists, or rows wanted again, are at most a minute late."""

RETRY_SECONDS_MIN = 1
"""The first pause after a failure: short, since most failures are a lost packet."""

RETRY_SECONDS_MAX = 300
"""The longest pause: a bus that leaves a tunnel is back within five minutes."""

RETRY_AFTER_SECONDS_MAX = 3_600
"""A server that asks for more than an hour is wrong or not ours."""

CONNECT_SECONDS = 5
"""A mobile network answers a SYN within this or not at all."""

ANSWER_SECONDS = 20
"""The backend answers after its COMMIT, well below a second; a failing-over database takes ten."""

ISSUER_FILE_LINES_MAX = 1_000_000
"""Five days of a city's taps in one file; the header could count a hundred times that, memory could not."""

BLACK_LIST_CARDS_MAX = 999_999
"""The black list's header counts in six digits."""

SERIAL_GAP = 10_000
"""Serials skipped at a new epoch: rows of the lost journal that never arrived, four days of a busy bus."""

LOADS_MAX = 10_000
"""Loads taken in one message from the issuer's back office."""

REPORT_CARDS_MAX = 10_000
"""Cards listed one by one in a report: a demonstration's, a school's; a city asks the database."""

REPORT_ALARMS_MAX = 1_000
"""Alarms listed in a report, the latest first."""

MONEY_MAX_FEN = 99_999_999
"""Amounts and balances are eight digits in the issuer's files."""

COUNTER_MAX = 65_535
"""The purse's counters have two bytes."""

BILL_BYTES_MAX = 65_536
"""A bill of 200 lines with its trace and the entitlement it was made with, packed and sealed, is below 20,000 bytes."""

SEALED_PERSON_BYTES_MAX = 4_096
"""A person's entitlement with two years' accumulators is some 500 bytes; eight times that is noise."""

DELTA_BYTES_MAX = 1_073_741_824
"""The whole city's 870,000 persons, unpacked: about 600 bytes each, and as much room again."""

CASE_BYTES_MAX = 1_048_576
"""A settled bill unpacked: 200 lines with their shares and a trace of some hundred steps, many times over."""

DELTA_GZIP_BYTES_MAX = 536_870_912
"""The same as sent: sealed values hardly shrink, so half of the unpacked bound is already more than it needs."""

QUESTION_BYTES_MAX = 4_096
"""A counter's question is a hundred bytes."""

UNAVAILABLE_SECONDS = 5
"""A terminal asks again after this when the backend's database is away: half of what a failover takes."""

PROOF_CHARS_MAX = 1_024
"""A signed request's header is 370 characters; a server's header line may have eight thousand."""

REQUEST_BYTES_MAX = 2_048
"""A certificate request of a P-256 key with one name is 260 bytes."""

CODE_TRIES = 5
"""Wrong tries after which an enrolment code is burnt: a technician mistypes twice, a guesser has 2^60 to go."""

CODE_HOURS = 24
"""Life of an enrolment code: the day on which the terminal is mounted."""

CERTIFICATE_DAYS = 90
"""Life of a terminal's certificate; it is renewed from half of it on, so a month in the garage does no harm."""

FORMER_INSTANCES = 8
"""Starts of a terminal that are remembered: a copy that alternates with it shows within two."""
DAY_LINES_MAX = 400
"""Closed days listed: a year's, and a month more."""

XF_LINES_MAX = 100_000
"""Lines of one XF file made here, 15 MB: a merchant's busier day goes into several."""

DIFFERENCES_MAX = 1_000
"""Refused lines listed, the latest first: what a person reads; the sums are over all."""

ISSUER_ANSWER_BYTES_MAX = 32_000_000
"""A refusal file of 150,000 lines; more in one day is a mistake."""

ISSUER_FILE_BYTES_MAX = 16_000_000
"""An XF file of XF_LINES_MAX lines of 151 characters."""
