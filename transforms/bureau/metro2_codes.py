"""Codes of Metro 2: what they are called, and which of them ask for what."""

from __future__ import annotations

STATUSES: dict[str, str] = {
    "05": "transferred",
    "11": "current, 0 to 29 days past due",
    "13": "paid or closed",
    "61": "paid after a voluntary surrender",
    "62": "paid after collection",
    "63": "paid after a repossession",
    "64": "paid after a charge-off",
    "65": "paid after a foreclosure was begun",
    "71": "30 to 59 days past due",
    "78": "60 to 89 days past due",
    "80": "90 to 119 days past due",
    "82": "120 to 149 days past due",
    "83": "150 to 179 days past due",
    "84": "180 and more days past due",
    "88": "claim filed with government",
    "89": "deed received in lieu of foreclosure",
    "93": "in collection",
    "94": "foreclosure completed",
    "95": "voluntary surrender",
    "96": "repossessed",
    "97": "charged off",
    "DA": "delete the account",
    "DF": "delete the account for fraud",
}
"""Account status: code and meaning."""
CURRENT, PAID, TRANSFERRED, CHARGED_OFF, PAID_CHARGE_OFF = "11", "13", "05", "97", "64"
PAID_AFTER = ("61", "62", "63", "64", "65")
LATE = ("71", "78", "80", "82", "83", "84")
"""By days past due: 30 days more each, from the second on."""
DELETIONS = ("DA", "DF")
RATED = ("05", "13", "65", "88", "89", "94", "95")
"""Statuses that do not say by themselves how late the account is, so that a payment rating does."""
RATINGS = ("0", "1", "2", "3", "4", "5", "6", "G", "L")
LATE_RATINGS = RATINGS[1:]
DELINQUENT = ("61", "62", "63", "64", "65", *LATE, "88", "89", "93", "94", "95", "96", "97")
"""Statuses that ask for the date of first delinquency."""
CHARGE_OFFS = (PAID_CHARGE_OFF, CHARGED_OFF)
"""Statuses that carry the original charge-off amount."""
HISTORY = "0123456BDEGHJKL"
"""Codes of a month in the payment history profile."""
NO_HISTORY = "B"
SPECIAL_COMMENTS: dict[str, str] = {
    "O": "transferred to another company",
    "AU": "paid in full for less than the full balance",
    "AW": "affected by a disaster",
    "CP": "in forbearance",
    "CO": "modified",
    "AC": "paying under a partial agreement",
    "AV": "first payment never received",
}
"""Special comments that we write, the weightiest first."""
COMPLIANCE: dict[str, str] = {
    "XB": "disputed, under investigation",
    "XC": "investigated, the consumer disagrees",
    "XH": "dispute over",
    "XR": "removes the code told before",
}
"""Compliance condition codes that we write."""
BANKRUPTCIES = (*"ABCDEFGHZ", "1A", "V", "W", "X", "Y")
"""Consumer information indicators with which a current account carries a date of first delinquency."""
TERMS = {"R": "REV", "C": "LOC", "O": "001"}
"""Terms duration by portfolio type, where it is not the number of instalments."""
