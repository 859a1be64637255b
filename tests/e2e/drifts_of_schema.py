"""Changes of the sample's tables by hand, which its migrations do not say. A person takes each back."""

from tests.e2e.deployment import Deployment
from tests.e2e.drifts import Act, Drift


def sql(*statements: str) -> Act:
    def act(stack: Deployment) -> None:
        for statement in statements:
            stack.sql(statement)

    return act


_CHECK = "ALTER TABLE timebank_member DROP CONSTRAINT member_within_overdraft, ADD CONSTRAINT member_within_overdraft"
_FOREIGN_KEY = "timebank_notice_member_id_9f6537e6_fk_timebank_member_id"

SCHEMA = (
    Drift(
        name="table gone",
        ids=("S004",),
        what="probe_ping",
        seed=sql("ALTER TABLE probe_ping RENAME TO probe_gone"),
        undo=sql("ALTER TABLE probe_gone RENAME TO probe_ping"),
    ),
    Drift(
        name="column dropped",
        ids=("S005", "S013"),
        what="gallery_picture.width",
        seed=sql("ALTER TABLE gallery_picture DROP COLUMN width"),
        undo=sql(
            "ALTER TABLE gallery_picture ADD COLUMN width integer NOT NULL DEFAULT 1 CHECK (width >= 0)",
            "ALTER TABLE gallery_picture ALTER COLUMN width DROP DEFAULT",
        ),
    ),
    Drift(
        name="column added",
        ids=("S006",),
        what="timebank_transfer.by_hand",
        seed=sql("ALTER TABLE timebank_transfer ADD COLUMN by_hand text"),
        undo=sql("ALTER TABLE timebank_transfer DROP COLUMN by_hand"),
    ),
    Drift(
        name="type of a column",
        ids=("S007",),
        what="timebank_notice.text",
        seed=sql("ALTER TABLE timebank_notice ALTER COLUMN text TYPE text"),
        undo=sql("ALTER TABLE timebank_notice ALTER COLUMN text TYPE varchar(120)"),
    ),
    Drift(
        name="NOT NULL dropped",
        ids=("S008",),
        what="timebank_member.offers",
        seed=sql("ALTER TABLE timebank_member ALTER COLUMN offers DROP NOT NULL"),
        undo=sql("ALTER TABLE timebank_member ALTER COLUMN offers SET NOT NULL"),
    ),
    Drift(
        name="default of a column",
        ids=("S009",),
        what="timebank_member.balance_minutes",
        seed=sql("ALTER TABLE timebank_member ALTER COLUMN balance_minutes SET DEFAULT 60"),
        undo=sql("ALTER TABLE timebank_member ALTER COLUMN balance_minutes DROP DEFAULT"),
    ),
    Drift(
        name="index dropped",
        ids=("S010",),
        what="notice_open_newest",
        seed=sql("DROP INDEX notice_open_newest"),
        undo=sql("CREATE INDEX notice_open_newest ON timebank_notice (posted DESC) WHERE settled IS NULL"),
    ),
    Drift(
        name="unique constraint dropped",
        ids=("S011",),
        what="timebank_member",
        seed=sql("ALTER TABLE timebank_member DROP CONSTRAINT timebank_member_name_key"),
        undo=sql("ALTER TABLE timebank_member ADD CONSTRAINT timebank_member_name_key UNIQUE (name)"),
    ),
    Drift(
        name="foreign key dropped",
        ids=("S012",),
        what=_FOREIGN_KEY,
        seed=sql(f"ALTER TABLE timebank_notice DROP CONSTRAINT {_FOREIGN_KEY}"),
        undo=sql(
            f"ALTER TABLE timebank_notice ADD CONSTRAINT {_FOREIGN_KEY} FOREIGN KEY (member_id)"
            " REFERENCES timebank_member (id) DEFERRABLE INITIALLY DEFERRED"
        ),
    ),
    Drift(
        name="check constraint loosened",
        ids=("S014",),
        what="member_within_overdraft",
        seed=sql(f"{_CHECK} CHECK (balance_minutes >= -60000)"),
        undo=sql(f"{_CHECK} CHECK (balance_minutes >= -600)"),
    ),
    Drift(
        name="index added",
        ids=("S015",),
        what="by_hand",
        seed=sql("CREATE INDEX by_hand ON timebank_transfer (reason)"),
        undo=sql("DROP INDEX by_hand"),
    ),
)
