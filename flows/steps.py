"""The steps of a night that has something to publish, as Prefect tasks, in the order in which the night takes them."""

from __future__ import annotations

from flows import accounting, aggregating, bookkeeping, intake, judging, publishing, sharing, staging, vaulting
from flows.tasks import step

stage = step(staging.stage, "read delivery", 120)
judge = step(judging.judge, "judge rows and files", 120)
take_in = step(intake.take_in, "take facts into the lake", 120)
keep_identities = step(vaulting.keep_identities, "put names into the vault", 60)
books = step(bookkeeping.books, "keep the books", 360)
account = step(accounting.account, "account for every row", 60)
write_next = step(publishing.write_next, "write the next warehouse", 120)
aggregate = step(aggregating.aggregate, "tell the risk", 120)
share = step(sharing.share, "share aggregates", 60)
audit = step(publishing.audit, "audit the next warehouse", 120)
commit = step(publishing.commit, "record the run", 30)
publish = step(publishing.publish, "publish", 60, retries=0)
