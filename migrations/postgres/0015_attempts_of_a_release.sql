-- Whether a release was offered to a device: a comparison asks it for each device of a group.
CREATE INDEX attempts_release_device ON attempts (release_id, device_id);
