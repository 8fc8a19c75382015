-- Form 4: the findings of an assessment. Some tables of form 3 have the column, and some do not.
-- Assessments can be made again, so all are deleted. Rows of other tables that belong to them are swept later.
-- The sums of months of DuckDB have no table here: they need a change that comes into force as a whole.

ALTER TABLE judged_domains ADD COLUMN IF NOT EXISTS findings String;

TRUNCATE TABLE judged_domains;
