-- Room in each page, so that a row whose indexed columns stay as they are is written beside what it was, and no index changes.
ALTER TABLE devices SET (fillfactor = 70);
ALTER TABLE device_certificates SET (fillfactor = 85);
