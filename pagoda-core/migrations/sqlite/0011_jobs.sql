-- Every write of an entity or an entry leaves a job, so the newest of somebody are found without sorting all of them.
DROP INDEX job_by_owner;
CREATE INDEX job_by_owner ON job (owner_id, id);
