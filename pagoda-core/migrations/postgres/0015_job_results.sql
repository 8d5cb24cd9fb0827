-- What jobs leave to be downloaded, compressed with gzip. It goes with its job.
CREATE TABLE job_result (
    job_id BIGINT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    content BYTEA NOT NULL
);
-- Compressing it again would only take time.
ALTER TABLE job_result ALTER COLUMN content SET STORAGE EXTERNAL;
