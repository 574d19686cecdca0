-- For PostgreSQL alone, which writes a changed row beside what it was. SQLite changes it where it is.
SELECT 1;
