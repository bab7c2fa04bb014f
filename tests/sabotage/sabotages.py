"""One-line sabotages of the code, each of which the suite must notice.

Owns what is broken, why that would cost money, and which tests are to say so. `make sabotage` tries
them; a fast test holds every `old` to the code, so that none goes stale unseen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """`old` stands once in `file` and becomes `new`; each of `tests` must fail then."""

    name: str
    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _in(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{file}::{name}" for name in names)


def _crash(*points: str) -> tuple[str, ...]:
    test = "test_a_process_killed_there_loses_and_doubles_nothing"
    return _in("crashes/test_crashes.py", *(f"{test}[sqlite-{point}]" for point in points))


_VERIFICATION = (
    "        verified = await self._verify(request, _with_secret(source), called, now)\n"
)

SABOTAGES = (
    Sabotage(
        name="drop-the-unique-constraint",
        why="the second net under the lock of a key: two open charges could stand",
        file="jobs/storage/migrations/versions/0001_first_tables.py",
        old='"outcome_key", "sequence", name=',
        new='"outcome_key", "sequence", "id", name=',
        tests=_in("jobs/ledger/test_guards.py", "test_a_ledger_that_could_not_be_is_refused")
        + _in(
            "jobs/storage/test_migrations.py",
            "test_migrations_make_the_tables_that_the_code_expects",
        ),
    ),
    Sabotage(
        name="keep-every-repeat",
        why="a delivery sent twice would be two",
        file="jobs/storage/migrations/versions/0001_first_tables.py",
        old='sa.UniqueConstraint("source", "dedupe_key", name=',
        new='sa.UniqueConstraint("source", "dedupe_key", "id", name=',
        tests=_in(
            "jobs/intake/test_inbox.py",
            "test_a_repeat_is_answered_with_the_firsts_id_and_counted",
            "test_copies_over_two_inboxes_at_once_are_one_delivery_each",
        ),
    ),
    Sabotage(
        name="acknowledge-before-the-commit",
        why="a 2xx for what a crash forgets: the vendor never sends it again",
        file="jobs/intake/commit.py",
        old="await _count_repeats(connection, answers, self._database.now())",
        new=(
            "await _count_repeats(connection, answers, self._database.now())\n"
            "            [pending.accept(answer) for pending, answer in zip(batch, answers)]"
        ),
        tests=_in("jobs/intake/test_inbox.py", "test_no_caller_is_answered_before_the_commit")
        + _crash(
            "before-jobs.intake.commit:Intake.commit-vendors_send_again_what_was_not_answered"
        ),
    ),
    Sabotage(
        name="answer-200-for-a-failed-commit",
        why="the same, said by the endpoint",
        file="receiver/web/endpoint.py",
        old=('503,\n                "unavailable",'),
        new=('200,\n                "unavailable",'),
        tests=_in("receiver/web/test_webhooks.py", "test_what_is_not_committed_is_503_for_soon"),
    ),
    Sabotage(
        name="count-intake-apart",
        why="the count of intake tells of a loss only if it commits with what it counts",
        file="jobs/intake/commit.py",
        old=("                await connection.execute(insert(intake).values(row))\n"),
        new=(
            "                async def count() -> None:\n"
            "                    async with self._database.write() as apart:\n"
            "                        await apart.execute(insert(intake).values(row))\n"
            "                asyncio.get_running_loop().create_task(count())\n"
        ),
        tests=_in(
            "jobs/intake/test_inbox.py",
            "test_the_count_of_intake_equals_the_states_at_every_moment",
        )
        + _crash("after-jobs.intake.commit:Intake.commit-vendors_send_again_what_was_not_answered"),
    ),
    Sabotage(
        name="count-repeats-as-accepted",
        why="the balance would hide as many lost deliveries",
        file="jobs/intake/commit.py",
        old='"accepted": len(new)',
        new='"accepted": len(batch)',
        tests=_in("jobs/intake/test_inbox.py", "test_of_200_copies_at_once_one_is_new"),
    ),
    Sabotage(
        name="take-a-reused-id-for-a-repeat",
        why="another body under an id used before would vanish with a 200",
        file="jobs/intake/commit.py",
        old="return fixed and",
        new="return False and",
        tests=_in(
            "jobs/intake/test_inbox.py", "test_a_signed_id_with_another_body_is_kept_as_reused"
        ),
    ),
    Sabotage(
        name="verify-after-storing",
        why="anyone who knows the URL could fill the inbox, and bill",
        file="receiver/web/endpoint.py",
        old=_VERIFICATION,
        new=(
            "        anyone = Verified(0, now, None, False, '')\n"
            "        stored = await sanitize(source, called, anyone)\n"
            f"        await self._store(request, source, stored, anyone)\n{_VERIFICATION}"
        ),
        tests=_in(
            "receiver/web/test_webhooks.py",
            "test_whatever_is_not_verified_is_answered_in_one_wording_and_reported_to_the_operator",
        ),
    ),
    Sabotage(
        name="compare-signatures-with-equals",
        why="the time of an answer would tell how much of a guess is right",
        file="receiver/signatures/hmac_scheme.py",
        old="hmac.compare_digest(expected, candidate)",
        new="(expected == candidate)",
        tests=_in(
            "receiver/signatures/test_constant_time.py",
            "test_what_compare_digest_does_not_agree_to_is_not_verified",
        ),
    ),
    Sabotage(
        name="take-any-time-of-signing",
        why="a captured request could be sent again for ever",
        file="receiver/signatures/tolerance.py",
        old="if past is not None and now - timestamp > past:",
        new="if False:",
        tests=_in(
            "receiver/signatures/test_verify.py", "test_the_window_is_the_same_in_both_directions"
        ),
    ),
    Sabotage(
        name="keep-credentials",
        why="a stolen database would open the vendors' accounts",
        file="receiver/web/sanitize.py",
        old="if not is_credential(name) and name not in source.scheme.secret_headers",
        new="if name not in source.scheme.secret_headers",
        tests=_in("receiver/web/test_webhooks.py", "test_credentials_are_not_kept"),
    ),
    Sabotage(
        name="redact-nothing",
        why="what a mapping file states must not be stored would be",
        file="receiver/web/sanitize.py",
        old="if source.redactor is None:",
        new="if source.redactor is None or True:",
        tests=_in(
            "receiver/web/test_redacting.py",
            "test_the_values_are_gone_before_anything_is_stored",
            "test_what_cannot_be_redacted_for_certain_is_not_stored_and_asked_for_again",
        ),
    ),
    Sabotage(
        name="swallow-a-failure",
        why="a delivery bills all of its outcomes or none; this one bills what is easy",
        file="jobs/ledger/fold.py",
        old="if mapped.failures:",
        new="if mapped.failures and not mapped.outcomes:",
        tests=_in(
            "jobs/ledger/test_fold.py",
            "test_a_failure_holds_back_the_good_ones_and_counts_them",
        )
        + _in(
            "jobs/settling/test_settle.py",
            "test_one_bad_event_holds_back_the_good_ones_until_it_is_fixed",
        ),
    ),
    Sabotage(
        name="keep-half-of-a-conflict",
        why="a refused delivery would leave its first outcomes in the books of its neighbours",
        file="jobs/ledger/fold.py",
        old="            _undo(admitted, books)\n",
        new="",
        tests=_in(
            "jobs/ledger/test_fold.py",
            "test_one_conflict_takes_back_the_whole_delivery_and_nothing_of_its_neighbours",
        ),
    ),
    Sabotage(
        name="skip-the-sweeper",
        why="what Redis forgot would wait for ever",
        file="jobs/settling/sweeper.py",
        old="oldest, newest = await self._due(grace_seconds)",
        new="oldest, newest = list[Due](), list[Due]()",
        tests=_in(
            "jobs/settling/test_sweeper.py", "test_what_was_never_rung_is_found_at_the_start"
        ),
    ),
    Sabotage(
        name="hold-a-dead-workers-claim",
        why="what a killed worker had taken up would wait for hours",
        file="jobs/settling/claims.py",
        old=(
            "            attempts=columns.attempts + 1,\n"
            "            next_attempt_at=database.now(plus_seconds=retry.LEASE_SECONDS),"
        ),
        new=(
            "            attempts=columns.attempts + 1,\n"
            "            next_attempt_at=database.now(plus_seconds=36000),"
        ),
        tests=_in(
            "jobs/settling/test_sweeper.py",
            "test_an_attempt_cut_off_by_a_kill_is_taken_up_when_its_lease_ends",
        ),
    ),
    Sabotage(
        name="count-no-attempts",
        why="a delivery that kills its worker would kill workers for ever",
        file="jobs/settling/claims.py",
        old="attempts=columns.attempts + 1",
        new="attempts=columns.attempts",
        tests=_in(
            "jobs/settling/test_settle_faults.py",
            "test_an_attempt_is_committed_before_mapping_starts",
        ),
    ),
    Sabotage(
        name="fail-what-a-neighbour-broke",
        why="an outage would turn deliveries into failures that a person must replay",
        file="jobs/common/errors.py",
        old='TRANSIENT_SQLSTATES = ("08", "40", ',
        new="TRANSIENT_SQLSTATES = (",
        tests=_in("jobs/common/test_errors.py", "test_what_passes_by_itself_is_transient"),
    ),
    Sabotage(
        name="settle-whatever-the-state",
        why="two workers at one delivery would both post it",
        file="jobs/ledger/recording.py",
        old=(
            "        .where(columns.id.in_(ids), columns.state == DeliveryState.RECEIVED)\n"
            "        .order_by"
        ),
        new=("        .where(columns.id.in_(ids))\n        .order_by"),
        tests=_in(
            "jobs/settling/test_settle.py", "test_one_delivery_mapped_twice_is_recorded_once"
        ),
    ),
    Sabotage(
        name="forget-to-lock-keys",
        why="two workers would decide on one key from the same past",
        file="jobs/ledger/repository.py",
        old=("        .order_by(outcome_keys.c.outcome_key)\n        .with_for_update()"),
        new="        .order_by(outcome_keys.c.outcome_key)",
        tests=_in(
            "jobs/ledger/test_guards.py", "test_a_key_is_decided_on_by_one_transaction_at_a_time"
        ),
    ),
    Sabotage(
        name="new-key-each-time",
        why="the same outcome sent, mapped or replayed again would bill again",
        file="mappings/engine/rules/identity.py",
        old="json.dumps([*head, *values], ",
        new="json.dumps([*head, *values, str(id(values))], ",
        tests=_in(
            "mappings/rules/test_identity.py",
            "test_a_key_is_compact_json_of_source_rule_and_values",
        )
        + _crash("done-jobs.queue.consumer:Listener._run_job-a_job_is_done_again_or_never"),
    ),
    Sabotage(
        name="replay-what-is-recorded",
        why="replaying all that is recorded must change no total",
        file="jobs/replays/runner.py",
        old="{state, DeliveryState.RECEIVED} - {DeliveryState.RECORDED}",
        new="{state, DeliveryState.RECEIVED}",
        tests=_in("jobs/replays/test_replay.py", "test_replaying_what_is_recorded_posts_nothing"),
    ),
    Sabotage(
        name="discard-what-is-recorded",
        why="a delivery that billed would be put away with its money in the ledger",
        file="jobs/replays/replay.py",
        old="DISCARDABLE = (DeliveryState.FAILED, DeliveryState.IGNORED)",
        new="DISCARDABLE = (DeliveryState.FAILED, DeliveryState.IGNORED, DeliveryState.RECORDED)",
        tests=_in(
            "jobs/replays/test_discard.py", "test_only_what_failed_or_was_ignored_is_discarded"
        ),
    ),
    Sabotage(
        name="reverse-at-todays-price",
        why="a reversal takes back what was charged, whatever it would cost today",
        file="jobs/ledger/owing.py",
        old="amount_micros=-open_charge.amount_micros)",
        new="amount_micros=-(cause.terms.amount_micros or open_charge.amount_micros))",
        tests=_in(
            "jobs/ledger/test_lines.py", "test_a_reversal_never_looks_at_its_own_triple_or_price"
        ),
    ),
    Sabotage(
        name="ignore-when-it-happened",
        why="vendors send out of order: any order of arrival must end in the same charge",
        file="jobs/ledger/records.py",
        old="return SortKey(0, self.occurred_at, turn)",
        new="return SortKey(0, _ANY_TIME, turn)",
        tests=_in(
            "jobs/ledger/test_order.py",
            "test_every_order_of_up_to_five_outcomes_ends_in_the_same_open_line",
        ),
    ),
    Sabotage(
        name="bring-back-at-todays-price",
        why="a reinstated charge would stand at an amount that was never taken back",
        file="jobs/ledger/timeline.py",
        old="charge = self.remembered[interval - 1].charge if interval else None",
        new="charge = max([*self.latests, *self.firsts], key=_sort_key, default=None)",
        tests=_in(
            "jobs/ledger/test_order.py",
            "test_every_order_of_up_to_five_outcomes_ends_in_the_same_open_line",
        ),
    ),
    Sabotage(
        name="reinstate-over-a-vendors-reversal",
        why="what a vendor took back would stay billed, since a person had reinstated it before",
        file="jobs/ledger/timeline.py",
        old="if reinstatement.action_id is None or undoes_by_hand:",
        new="if reinstatement is not None:",
        tests=_in(
            "jobs/ledger/test_order.py",
            "test_every_order_of_up_to_five_outcomes_ends_in_the_same_open_line",
        ),
    ),
    Sabotage(
        name="receive-by-the-process-clock",
        why="a web process with a wrong clock would price an outcome by another month",
        file="jobs/intake/commit.py",
        old=(
            "        moment = self._database.transaction_time()\n"
            '        times = {"received_at": moment,'
        ),
        new=(
            "        import datetime\n"
            "        moment = datetime.datetime.now(datetime.UTC)\n"
            '        times = {"received_at": moment,'
        ),
        tests=_in(
            "jobs/intake/test_inbox.py",
            "test_a_web_process_with_a_wrong_clock_moves_no_outcome_and_fails_none",
        ),
    ),
    Sabotage(
        name="know-forms-by-an-unsigned-id",
        why="a captured form with its borders moved would bill once for each id made up for it",
        file="receiver/web/dedupe.py",
        old="if identity is None or verified.coverage in _BODY_VARIES:",
        new="if identity is None:",
        tests=_in(
            "receiver/web/test_delivery_identity.py",
            "test_no_unsigned_id_and_no_moved_border_makes_another_delivery",
        ),
    ),
    Sabotage(
        name="pair-with-anyone",
        why="a secret planted while the window is open would refuse the vendor and bill forgeries",
        file="jobs/intake/pairing.py",
        old="if row is None or not row.lasts or not _is_right(token, row.url_part_sha256):",
        new="if row is None or not row.lasts:",
        tests=_in(
            "jobs/intake/test_pairing.py",
            "test_who_does_not_know_the_token_gets_nothing_and_leaves_the_window_open",
        ),
    ),
    Sabotage(
        name="take-up-an-edit-that-check-refuses",
        why="a key that was edited while the service runs would bill again what has billed",
        file="jobs/mapping_watch.py",
        old="            history=stored.history,\n",
        new="",
        tests=_in(
            "jobs/test_edits.py",
            "test_an_edit_of_what_has_billed_is_refused_and_its_source_goes_on",
            "test_a_restart_refuses_it_too_and_a_strict_one_does_not_start",
        ),
    ),
    Sabotage(
        name="accept-an-edit-judged-before-it-billed",
        why="the first charge of a rule, in the moment of its edit, would bill under both keys",
        file="jobs/mapping_store.py",
        old="if await _stamp(connection) != stored.stamp:",
        new="if False:",
        tests=_in(
            "jobs/test_edits.py",
            "test_an_edit_that_was_judged_before_the_first_charge_is_judged_again",
        ),
    ),
    Sabotage(
        name="bill-by-outdated-mappings",
        why="a worker behind an accepted edit would bill under a key that nothing knows any more",
        file="jobs/mapping_store.py",
        old="if in_force and in_force != version:",
        new="if False:",
        tests=_in(
            "jobs/test_edits.py",
            "test_a_worker_behind_an_accepted_edit_bills_nothing_for_the_first_time",
        ),
    ),
    Sabotage(
        name="export-past-the-horizon",
        why="a line that commits behind the cursor would be missing from the export for good",
        file="jobs/queries/ledger/export.py",
        old=".where(where.where(), _columns.recorded_at < horizon)",
        new=".where(where.where())",
        tests=_in(
            "jobs/ledger/test_horizon.py",
            "test_a_line_behind_one_that_is_not_committed_waits_for_it",
        ),
    ),
    Sabotage(
        name="bill-without-a-price",
        why="what has no price must fail visibly, not bill nothing",
        file="mappings/engine/rules/evaluate.py",
        old="raise _unpriced(rule, event, str(error)) from error",
        new='return replace(outcome, amount_micros=0, currency="USD")',
        tests=_in("mappings/rules/test_map.py", "test_a_percentage_without_value_is_unpriced"),
    ),
    Sabotage(
        name="price-in-any-currency",
        why="an amount in yen would be billed as so many dollars",
        file="mappings/engine/pricing/catalogue.py",
        old="begun = {code: entry for code, entry in begun.items() if code == currency}",
        new="begun = dict(list(begun.items())[:1])",
        tests=_in(
            "mappings/common/test_currencies.py",
            "test_a_currency_without_a_price_is_unpriced_and_named",
            "test_only_a_price_in_the_currency_of_the_value_applies",
        ),
    ),
    Sabotage(
        name="divide-whole-numbers",
        why="12.00 would be billed for 12.05, and nothing would fail",
        file="mappings/engine/rules/cents.py",
        old="if function in _SIGNS and call.gives != DOUBLE:",
        new="if function in _SIGNS and not arguments:",
        tests=_in(
            "mappings/rules/test_cents.py", "test_what_loses_cents_is_refused_with_the_way_out"
        ),
    ),
    Sabotage(
        name="identify-by-invisible-characters",
        why="one customer would be two, one of them at the general price",
        file="mappings/engine/common/identifiers.py",
        old="return _character(text, found.group()) if found else _form(text)",
        new="return None",
        tests=_in(
            "mappings/rules/test_identifying_values.py",
            "test_an_id_that_a_person_takes_for_another_fails_with_what_helps",
        ),
    ),
    Sabotage(
        name="commit-carelessly",
        why="a power cut would take back what was acknowledged",
        file="jobs/storage/sqlite.py",
        old='"synchronous=FULL"',
        new='"synchronous=NORMAL"',
        tests=_in("jobs/storage/test_durability.py", "test_our_own_connections_are_durable"),
    ),
    Sabotage(
        name="tell-senders-why",
        why="a forger would learn how close a guess came",
        file="receiver/web/endpoint.py",
        old='"The signature of this request could not be verified.",',
        new='f"The signature of this request could not be verified: {error.detail}",',
        tests=_in(
            "receiver/web/test_webhooks.py",
            "test_whatever_is_not_verified_is_answered_in_one_wording_and_reported_to_the_operator",
        ),
    ),
    Sabotage(
        name="correct-without-a-trace",
        why="no record would show who took money back, and why",
        file="jobs/corrections/runner.py",
        old="                await self._note(connection, decided, context, actor, note)\n",
        new="",
        tests=_in(
            "jobs/corrections/test_reversing.py",
            "test_a_reversal_by_hand_is_recorded_with_who_made_it_and_why",
        ),
    ),
    Sabotage(
        name="let-bodies-of-failures-go",
        why="what failed could never be replayed: lost revenue by calendar",
        file="jobs/privacy/evidence.py",
        old="REMOVABLE = (",
        new="REMOVABLE = (DeliveryState.FAILED, ",
        tests=_in(
            "jobs/privacy/test_retention.py",
            "test_bodies_and_headers_of_what_is_settled_go_and_of_nothing_else",
        ),
    ),
    Sabotage(
        name="forget-keys-when-purging",
        why="an erased customer's id would come back with the next event, and bill again",
        file="jobs/privacy/pseudonyms.py",
        old="key = key_without(outcome.key, purged)",
        new="key = outcome.key",
        tests=_in(
            "jobs/privacy/test_erasure.py",
            "test_values_of_a_key_are_replaced_and_nothing_else_of_it",
        ),
    ),
    Sabotage(
        name="settle-beside-a-purge",
        why="an outcome settled under the id while it is erased, and again under the pseudonym",
        file="jobs/privacy/ledger.py",
        old="await hold_off_settling(database, connection)",
        new="pass",
        tests=_in(
            "jobs/privacy/test_purge_beside_settling.py",
            "test_settling_makes_way_for_a_purge_that_is_not_committed_yet",
        ),
    ),
)
