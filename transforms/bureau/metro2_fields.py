"""The Metro 2 character format, declared once: every field of every segment, its source and its rule.

Positions and lengths are public: two open implementations of the format agree on them (docs/sharing-metro2.md).
"""

from __future__ import annotations

from transforms.bureau.fixed_width import Field, Segment, Type, fields
from transforms.bureau.metro2_codes import DELETIONS, STATUSES

_Row = tuple[int, str, Type] | tuple[int, str, Type, str, str]
TEXT, DIGITS, NUMBER, DATE = Type.TEXT, Type.DIGITS, Type.NUMBER, Type.DATE

HEADER = Segment(
    "header",
    "Header",
    fields(
        [
            (1, 4, "record_descriptor_word", DIGITS, "-", "Length of the record."),
            (5, 6, "record_identifier", TEXT, "-", "HEADER."),
            (11, 2, "cycle_identifier", TEXT),
            (13, 10, "innovis_program_identifier", TEXT, "sharing.metro2.innovis_program", "As the bureau gave it."),
            (23, 10, "equifax_program_identifier", TEXT, "sharing.metro2.equifax_program", "As the bureau gave it."),
            (33, 5, "experian_program_identifier", TEXT, "sharing.metro2.experian_program", "As the bureau gave it."),
            (38, 10, "transunion_program_identifier", TEXT, "sharing.metro2.transunion_program", "As given."),
            (48, 8, "activity_date", DATE, "month_end", "Last day of the month told."),
            (56, 8, "date_created", DATE, "made_on", "Day on which the file is made."),
            (64, 8, "program_date", DATE),
            (72, 8, "program_revision_date", DATE),
            (80, 40, "reporter_name", TEXT, "sharing.metro2.reporter_name", "Who reports."),
            (120, 96, "reporter_address", TEXT, "sharing.metro2.reporter_address", "Whole, in one line."),
            (216, 10, "reporter_telephone_number", DIGITS, "sharing.metro2.reporter_telephone", "Ten digits."),
            (226, 40, "software_vendor_name", TEXT, "-", "TALLYSTICK."),
            (266, 5, "software_version_number", TEXT),
            (271, 10, "prbc_program_identifier", TEXT),
            (281, 146, "reserved", TEXT),
        ]
    ),
)

_CONSUMER: list[_Row] = [
    (25, "surname", TEXT, "identities.name", "The last word, or what stands before a comma."),
    (20, "first_name", TEXT, "identities.name", "The first word, or the first one after a comma."),
    (20, "middle_name", TEXT, "identities.name", "What stands between."),
    (1, "generation_code", TEXT, "identities.name", "J, S, 2 to 9 for a last word JR, SR, II to IX."),
    (9, "social_security_number", DIGITS, "identities.id_number", "Where id_type is ssn."),
    (8, "date_of_birth", DATE, "identities.birth_date", "As the source says."),
    (10, "telephone_number", DIGITS, "identities.phone", "Ten digits, after a leading 1."),
    (1, "ecoa_code", TEXT, "associated.role", "1 alone, 2 joint, 7 maker with co-makers, 5 co-maker or guarantor."),
    (2, "consumer_information_indicator", TEXT),
]
_ADDRESS: list[_Row] = [
    (2, "country_code", TEXT, "sharing.metro2.country_code", "Where an address is told."),
    (32, "address_line_1", TEXT, "identities.address", "The first 32 characters, cut between words."),
    (32, "address_line_2", TEXT, "identities.address", "What follows."),
    (20, "city", TEXT, "identities.city", "As the source says."),
    (2, "state", TEXT, "identities.state_code", "As the source says."),
    (9, "postal_code", TEXT, "identities.postal_code", "Letters and digits only."),
    (1, "address_indicator", TEXT),
    (1, "residence_code", TEXT),
]


def _placed(start: int, rows: list[_Row]) -> tuple[Field, ...]:
    """Fields one after the other from a position on."""
    made = []
    for length, *rest in rows:
        made.append(Field(start, length, *rest))  # type: ignore[arg-type]
        start += length
    return tuple(made)


BASE = Segment(
    "base",
    "Base segment",
    (
        *fields(
            [
                (1, 4, "record_descriptor_word", DIGITS, "-", "Length of the record, segments behind it included."),
                (5, 1, "processing_indicator", TEXT, "-", "1."),
                (6, 14, "time_stamp", DIGITS, "month_end", "MMDDYYYYHHMMSS; midnight."),
                (20, 1, "correction_indicator", TEXT, "correction", "1 replaces what was sent, else 0."),
                (21, 20, "identification_number", TEXT, "sharing.metro2.identification_number", "Else the source."),
                (41, 2, "cycle_identifier", TEXT),
                (43, 30, "consumer_account_number", TEXT, "core.loans.loan_id", "account_id where accounts are told."),
                (73, 1, "portfolio_type", TEXT, "products.metro2_portfolio_type", "By product."),
                (74, 2, "account_type", TEXT, "products.metro2_account_type", "By product."),
                (76, 8, "date_opened", DATE, "core.loans.origination_date", "opened_date of an account."),
                (84, 9, "credit_limit", NUMBER, "core.accounts.credit_limit_cents", "0 for a loan."),
                (93, 9, "highest_credit", NUMBER, "core.loans.principal_cents", "Original principal."),
                (102, 3, "terms_duration", TEXT, "core.loans.installment_count", "REV, LOC or 001 by portfolio type."),
                (105, 1, "terms_frequency", TEXT, "core.installments.due_date", "By the days between due dates."),
                (106, 9, "scheduled_monthly_payment", NUMBER, "core.installments", "Due in the month, else next."),
                (115, 9, "actual_payment", NUMBER, "core.repayments.amount_cents", "Paid within the month."),
                (124, 2, "account_status", TEXT, "status.loan_status", "By transfer, closing, loss, stage, days."),
                (126, 1, "payment_rating", TEXT, "status.loan_status.dpd", "Of some statuses alone."),
                (127, 24, "payment_history_profile", TEXT, "status.loan_status.metro2_24m", "The month before first."),
                (151, 2, "special_comment", TEXT, "core.events", "The weightiest that applies."),
                (153, 2, "compliance_condition_code", TEXT, "core.events", "Of the last dispute."),
                (155, 9, "current_balance", NUMBER, "status.loan_status.remaining_cents", "0 if in credit; cents cut."),
                (164, 9, "amount_past_due", NUMBER, "core.installments", "Of items 30 days late or more; cents cut."),
                (173, 9, "original_charge_off_amount", NUMBER, "status.loan_status.charged_off_cents", "64 and 97."),
                (182, 8, "date_of_account_information", DATE, "month_end", "Day paid for 13 and 61 to 65."),
                (
                    190,
                    8,
                    "date_of_first_delinquency",
                    DATE,
                    "status.loan_status.delinquent_since",
                    "If it is asked for.",
                ),
                (198, 8, "date_closed", DATE, "core.installments.settled_date", "Day paid, transferred or closed."),
                (206, 8, "date_of_last_payment", DATE, "status.loan_status.last_paid_date", "As it stands."),
                (214, 1, "interest_type", TEXT, "-", "F: a plan's amounts are fixed."),
                (215, 17, "reserved", TEXT),
            ]
        ),
        *_placed(232, [*_CONSUMER, *_ADDRESS]),
    ),
)

_J_HEAD: list[_Row] = [(2, "segment_identifier", TEXT, "-", "Its name."), (1, "reserved", TEXT)]
J1 = Segment("J1", "Associated consumer, same address", _placed(1, [*_J_HEAD, *_CONSUMER, (1, "reserved_2", TEXT)]))
J2 = Segment(
    "J2",
    "Associated consumer, other address",
    _placed(1, [*_J_HEAD, *_CONSUMER, *_ADDRESS, (2, "reserved_2", TEXT)]),
)
K1 = Segment(
    "K1",
    "Original creditor",
    fields(
        [
            (1, 2, "segment_identifier", TEXT, "-", "K1."),
            (3, 30, "original_creditor_name", TEXT, "core.loans.lender_id", "Where it is not the source."),
            (33, 2, "creditor_classification", DIGITS, "sharing.metro2.creditor_classification", "One for all."),
        ]
    ),
)
K2 = Segment(
    "K2",
    "Purchased from or sold to",
    fields(
        [
            (1, 2, "segment_identifier", TEXT, "-", "K2."),
            (3, 1, "purchased_sold_indicator", DIGITS, "milestones.kind", "1 purchased from, 2 sold to."),
            (4, 30, "purchased_sold_name", TEXT, "milestones.counterparty", "As told."),
            (34, 1, "reserved", TEXT),
        ]
    ),
)
K3 = Segment(
    "K3",
    "Mortgage information",
    fields(
        [
            (1, 2, "segment_identifier", TEXT),
            (3, 2, "agency_identifier", DIGITS),
            (5, 18, "agency_account_number", TEXT),
            (23, 18, "mortgage_identification_number", TEXT),
        ]
    ),
)
K4 = Segment(
    "K4",
    "Specialised payment",
    fields(
        [
            (1, 2, "segment_identifier", TEXT, "-", "K4."),
            (3, 2, "specialized_payment_indicator", DIGITS, "core.events.kind", "02: deferred."),
            (5, 8, "deferred_payment_start_date", DATE, "core.events.until_date", "The day after the deferral."),
            (13, 8, "balloon_payment_due_date", DATE),
            (21, 9, "balloon_payment_amount", NUMBER, "-", "0."),
            (30, 1, "reserved", TEXT),
        ]
    ),
)
L1 = Segment(
    "L1",
    "Changed numbers",
    fields(
        [
            (1, 2, "segment_identifier", TEXT, "-", "L1."),
            (3, 1, "change_indicator", DIGITS, "renumbered", "1 account number, 2 identification number, 3 both."),
            (4, 30, "new_consumer_account_number", TEXT, "renumbered.new_account_number", "As told."),
            (34, 20, "new_identification_number", TEXT, "renumbered.new_identification_number", "As told."),
            (54, 1, "reserved", TEXT),
        ]
    ),
)
N1 = Segment(
    "N1",
    "Employment",
    fields(
        [
            (1, 2, "segment_identifier", TEXT),
            (3, 30, "employer_name", TEXT),
            (33, 32, "employer_address_line_1", TEXT),
            (65, 32, "employer_address_line_2", TEXT),
            (97, 20, "employer_city", TEXT),
            (117, 2, "employer_state", TEXT),
            (119, 9, "employer_postal_code", TEXT),
            (128, 18, "occupation", TEXT),
            (146, 1, "reserved", TEXT),
        ]
    ),
)
SEGMENTS: dict[str, Segment] = {segment.name: segment for segment in (J1, J2, K1, K2, K3, K4, L1, N1)}
"""Those that may stand behind a base segment, in their order."""

STATUS_TOTALS = ("DA", *(code for code in STATUSES if code not in DELETIONS))
"""Statuses in the order of their totals; that of DF stands before them."""
_COUNT = "Counted in what is written."
TRAILER = Segment(
    "trailer",
    "Trailer",
    _placed(
        1,
        [
            (4, "record_descriptor_word", DIGITS, "-", "Length of the record."),
            (7, "record_identifier", TEXT, "-", "TRAILER."),
            (9, "base_total", NUMBER, "base", _COUNT),
            (9, "reserved", TEXT),
            (9, "status_df_total", NUMBER, "base.account_status", _COUNT),
            (9, "j1_total", NUMBER, "J1", _COUNT),
            (9, "j2_total", NUMBER, "J2", _COUNT),
            (9, "block_count", NUMBER, "-", "0: the file is not blocked."),
            *((9, f"status_{code.lower()}_total", NUMBER, "base.account_status", _COUNT) for code in STATUS_TOTALS),
            (9, "ecoa_z_total", NUMBER, "ecoa_code", "Of base, J1 and J2."),
            *((9, f"{name}_total", NUMBER, name.upper(), _COUNT) for name in ("n1", "k1", "k2", "k3", "k4", "l1")),
            *(
                (9, f"{what}_{where}_total", NUMBER, column, "Neither all zeros nor all nines.")
                for what, column in (("ssn", "social_security_number"), ("birth_date", "date_of_birth"))
                for where in ("all", "base", "j1", "j2")
            ),
            (9, "telephone_all_total", NUMBER, "telephone_number", "Not all zeros."),
            (19, "reserved_2", TEXT),
        ],
    ),
)
LAYOUT: dict[str, Segment] = {"header": HEADER, "base": BASE, **SEGMENTS, "trailer": TRAILER}
"""Every segment by its name."""
