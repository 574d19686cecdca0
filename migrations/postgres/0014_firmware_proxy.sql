-- Where devices of the organization fetch firmware from, instead of this server itself.
ALTER TABLE orgs ADD COLUMN firmware_proxy_url TEXT COLLATE "C";
