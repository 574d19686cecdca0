-- uuid of the firmware that the device's fwup cannot install, so that it is not offered again.
ALTER TABLE devices ADD COLUMN unfit_for TEXT;
