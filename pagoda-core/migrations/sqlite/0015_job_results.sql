-- What jobs leave to be downloaded, compressed with gzip. It goes with its job.
CREATE TABLE job_result (
    job_id INTEGER PRIMARY KEY NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    content BLOB NOT NULL
);
