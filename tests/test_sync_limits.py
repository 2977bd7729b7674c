"""The bounds of what leaves the box, held against each other."""

from sync import limits
from sync.limits import ROW_BYTES_MAX


def test_a_batch_holds_any_single_row_and_many_usual_ones() -> None:
    assert limits.BATCH_BYTES_MAX >= 8 * ROW_BYTES_MAX
    assert limits.BATCH_BYTES_MAX >= limits.BATCH_ROWS_MAX * ROW_BYTES_MAX / 4
    assert limits.BATCH_JSON_BYTES_MAX > limits.BATCH_BYTES_MAX * 4 / 3


def test_the_reserve_holds_the_commits_of_many_outcomes() -> None:
    pages = 5
    assert 50 * pages * (4_096 + 24) <= limits.RESERVE_BYTES


def test_the_log_is_copied_back_before_it_outgrows_its_first_length_and_long_before_its_bound() -> None:
    assert limits.CHECKPOINT_PAGES * (4_096 + 24) < limits.WAL_BYTES
    assert limits.CHECKPOINT_PAGES < limits.CHECKPOINT_PAGES_MAX / 10


def test_an_answer_can_name_every_row_and_version_within_its_bytes() -> None:
    longest_number = len(str(limits.SEQ_MAX)) + 1
    named = limits.QUARANTINED_MAX * longest_number + 16 * 2 * (limits.NAME_CHARS_MAX * 6 + 4)
    assert limits.QUARANTINED_MAX >= limits.BATCH_ROWS_MAX and named + 1_000 < limits.ANSWER_BYTES_MAX


def test_pauses_are_ordered_and_shorter_than_what_a_server_may_ask() -> None:
    assert limits.RETRY_SECONDS_MIN < limits.HEARTBEAT_SECONDS < limits.RETRY_SECONDS_MAX
    assert limits.RETRY_SECONDS_MAX < limits.RETRY_AFTER_SECONDS_MAX
    assert limits.CONNECT_SECONDS < limits.ANSWER_SECONDS < limits.HEARTBEAT_SECONDS


def test_memory_of_a_card_covers_what_a_repeat_needs() -> None:
    assert limits.SEEN_ROWS <= limits.RECALL_ROWS_MAX
    assert limits.SERIAL_GAP < limits.SERIAL_MAX / 1_000
