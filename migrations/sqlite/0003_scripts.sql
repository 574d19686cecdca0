-- Support scripts of a product. Tags are lines of one text, absent when never set.
CREATE TABLE scripts (
  id INTEGER PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  tags TEXT,
  created_by BIGINT NOT NULL REFERENCES users (id),
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX scripts_product ON scripts (product_id, name, id);
CREATE INDEX scripts_creator ON scripts (created_by);
