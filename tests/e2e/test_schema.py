"""The schema that migrations say beside that of a real database: no false finding, and every change is found."""

from collections.abc import Iterator

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.zoo import Zoo

pytestmark = pytest.mark.e2e

CHANGES: dict[str, tuple[str, str]] = {
    "DROP TABLE zoo_animal_kin": ("S004", "zoo_animal_kin"),
    "ALTER TABLE zoo_animal DROP COLUMN blob": ("S005", "zoo_animal.blob"),
    "ALTER TABLE zoo_animal ADD COLUMN by_hand text": ("S006", "zoo_animal.by_hand"),
    "ALTER TABLE auth_group ALTER COLUMN name TYPE varchar(200)": ("S007", "auth_group.name"),
    "ALTER TABLE zoo_animal ALTER COLUMN weight TYPE numeric(12, 2)": ("S007", "zoo_animal.weight"),
    "ALTER TABLE zoo_animal ALTER COLUMN address TYPE text": ("S007", "zoo_animal.address"),
    "ALTER TABLE zoo_house ALTER COLUMN slug DROP NOT NULL": ("S008", "zoo_house.slug"),
    "ALTER TABLE zoo_animal ALTER COLUMN day SET NOT NULL": ("S008", "zoo_animal.day"),
    "ALTER TABLE zoo_animal ALTER COLUMN legs SET DEFAULT 5": ("S009", "zoo_animal.legs"),
    "ALTER TABLE zoo_animal ALTER COLUMN born DROP DEFAULT": ("S009", "zoo_animal.born"),
    "ALTER TABLE zoo_animal ALTER COLUMN day SET DEFAULT '2020-01-01'": ("S009", "zoo_animal.day"),
    "ALTER TABLE zoo_keeper ALTER COLUMN id DROP IDENTITY": ("S009", "zoo_keeper.id"),
    "ALTER TABLE zoo_animal ALTER COLUMN shout DROP EXPRESSION": ("S009", "zoo_animal.shout"),
    "DROP INDEX both_ways": ("S010", "both_ways"),
    "DROP INDEX by_expression": ("S010", "by_expression"),
    "DROP INDEX zoo_keeper_username_1642167f_like": ("S010", "zoo_keeper_username_"),
    "DROP INDEX zoo_animal_house_id_6c36a4cb": ("S010", "zoo_animal_house_id_"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT u_plain": ("S011", "u_plain"),
    "DROP INDEX u_lower": ("S011", "u_lower"),
    "ALTER TABLE zoo_keeper DROP CONSTRAINT zoo_keeper_username_key": ("S011", "(username)"),
    'ALTER TABLE "Zoo Pairs" DROP CONSTRAINT "Zoo Pairs_pkey"': ("S011", "(one, two)"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT zoo_animal_house_id_6c36a4cb_fk_zoo_house_code": ("S012", "_house_id_"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT c_range": ("S013", "c_range"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT zoo_animal_legs_check": ("S013", "legs >= 0"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT x_range": ("S013", "x_range"),
    "ALTER TABLE zoo_animal DROP CONSTRAINT c_not, ADD CONSTRAINT c_not CHECK (name <> '')": ("S014", "c_not"),
    "DROP INDEX both_ways; CREATE INDEX both_ways ON zoo_animal (name, born)": ("S014", "both_ways"),
    "DROP INDEX partial; CREATE INDEX partial ON zoo_animal (legs) WHERE legs > 1": ("S014", "partial"),
    "DROP INDEX gin; CREATE INDEX gin ON zoo_animal USING gin (data jsonb_path_ops)": ("S014", "gin"),
    "CREATE INDEX by_hand ON auth_group (lower(name))": ("S015", "by_hand"),
    "ALTER TABLE auth_group ADD CONSTRAINT by_hand CHECK (name <> 'x')": ("S015", "by_hand"),
}


@pytest.fixture(scope="module")
def zoo(dev: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """Migrated, beside the site's database."""
    made = Zoo(folder=tmp_path_factory.mktemp("zoo"), server=f"{dev.prefix}-postgres")
    made.make()
    yield made
    made.remove()


def test_what_django_has_made_has_no_drift(zoo: Zoo) -> None:
    """Every kind of field, index and constraint, renamed and altered; Django's own apps; what migrations did by SQL."""
    assert zoo.look() == ([], ["tables of no app, which are not compared: of_no_app"])


@pytest.mark.parametrize("statement", CHANGES)
def test_a_change_by_hand_is_found_alone(zoo: Zoo, statement: str) -> None:
    """One finding, whose statement puts it right where one can; everything else is as it was."""
    kind, what = CHANGES[statement]
    zoo.keep()
    try:
        zoo.psql("zoo", statement)
        findings, _ = zoo.look()
        assert [finding.id for finding in findings] == [f"drift.{kind}"]
        assert what in findings[0].what
        mend = findings[0].mend.by_hand
        if "backup" not in mend and "…" not in mend:
            zoo.psql("zoo", *mend.split("; "))
            assert zoo.look()[0] == []
    finally:
        zoo.put_back()


def test_an_app_that_a_newer_release_has_migrated_is_not_compared(zoo: Zoo) -> None:
    """As after a rollback: nobody here knows what that has changed. One that was squashed away is older."""
    zoo.keep()
    try:
        zoo.psql("zoo", "INSERT INTO django_migrations (app, name, applied) VALUES ('zoo', '0003_newer', now())")
        zoo.psql("zoo", "ALTER TABLE zoo_animal DROP COLUMN blob", "ALTER TABLE auth_group DROP COLUMN name")
        findings, notes = zoo.look()
        assert {finding.what.rpartition(" ")[2] for finding in findings} <= {"auth_group.name", "auth_group"}
        assert notes[0] == "schema of app zoo: not compared, as the database has migrations of a newer release"
        zoo.psql("zoo", "UPDATE django_migrations SET id = 0 WHERE name = '0003_newer'")
        assert "column zoo_animal.blob" in {finding.what for finding in zoo.look()[0]}
    finally:
        zoo.put_back()
