-- again is of a job that has not ended and was wanted once more since it was claimed, by what follows a commit.
ALTER TABLE jobs ADD COLUMN again INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1));
